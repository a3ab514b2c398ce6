"""The guide that ships: what it answers, that its examples hold, and that its SQL counts what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nigrani.guide import Guide, load, shipped, warnings
from nigrani.guide.examples import script
from nigrani.lib.secret import Secret, Vault

from .real import vocabulary

ROOT = Path(__file__).parents[2]
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SET = {
    "ERP_URL": "https://erp.example", "ERP_DATABASE_URL": "postgresql://monitor:secret@db.example/erp",
    "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T/B/x",
}  # fmt: skip


@pytest.fixture(scope="module")
def guide(tmp_path_factory: pytest.TempPathFactory) -> Guide:
    vault = Vault(tmp_path_factory.mktemp("secrets"))
    for name, value in SET.items():
        vault.put(name, Secret(value))
    return load(shipped(), vocabulary=vocabulary(), vault=vault)


def test_it_ships_from_the_root_of_the_repository() -> None:
    assert shipped().resolve() == ROOT / "guide"


def test_it_needs_nothing_to_be_set(tmp_path: Path) -> None:
    bare = load(shipped(), vocabulary=vocabulary(), vault=Vault(tmp_path))
    assert not any(source.is_set_up for source in bare.sources.values())
    assert len(warnings(bare)) >= len(bare.sources) + len(bare.receivers)


def test_two_addresses_and_a_channel_are_enough(guide: Guide) -> None:
    assert all(source.is_set_up for source in guide.sources.values())
    assert guide.receivers["production-alerts"].is_set_up
    assert not [line for line in warnings(guide) if "reach nobody" in line]


def test_it_covers_the_rows_of_the_trunk(guide: Guide) -> None:
    items: list[Any] = [*guide.alerts.values(), *guide.promises.values(), *guide.measures.values()]
    covered = {cover.row for item in items for cover in item.covers}
    assert covered >= {"A01", "A02", "H04", "K01", "C04", "C06", "C07", "M3"}
    assert len(guide.rows) == 93
    whole = {cover.row for item in items for cover in item.covers if not cover.part}
    assert whole == {"A01", "A02", "K01", "C04", "C06", "C07"}


def test_every_alert_can_be_acted_on(guide: Guide) -> None:
    for alert in guide.alerts.values():
        unit = guide.measures[alert.when.measure].unit
        fires = [script(example, unit).fires for example in alert.examples]
        assert True in fires, alert.name
        assert False in fires, alert.name
        assert alert.runbook in guide.runbooks, alert.name
        assert all(each.clear.hold > timedelta() for each in alert.levels), alert.name
        assert guide.people[alert.owner].receivers, alert.name


def test_its_examples_hold(guide: Guide) -> None:
    from nigrani.alerts import examples

    problems = [
        line for alert in guide.alerts.values() for line in examples.run(alert, guide.measures[alert.when.measure])
    ]
    assert problems == []


def test_the_probes_stay_below_the_erp_s_own_rate_limit(guide: Guide) -> None:
    calls = sum(timedelta(minutes=15) / probe.every for probe in guide.sources["website"].probes.values())
    assert calls < 90  # of 100; a probe that fails is asked twice as often for a while


def test_the_probes_follow_no_redirect_and_look_at_the_body(guide: Guide) -> None:
    probes = guide.sources["website"].probes
    assert not any(probe.config.follow for probe in probes.values())
    assert probes["health"].config.expect.json == {"success": False, "error": "Invalid school code"}
    assert probes["admin"].config.expect.status == (307,)


Fact = dict[str, Any]


def computed(guide: Guide, name: str, *, minutes: int = 10) -> list[dict[str, Any]]:
    """Run a measure's SQL on the real engine as the measures room does, over the facts' minutes."""
    from nigrani.telemetry import store

    span = {"start": START, "end": START + timedelta(minutes=minutes)}
    rows = store.guarded(guide.measures[name].sql, span, max_seconds=10, max_rows=1000)
    return sorted(rows, key=lambda row: (row["minute"], *(row[label] for label in guide.measures[name].by)))


def probe(name: str, second: float, *, source: str = "website", up: int | None = 1, **more: Any) -> dict[str, Any]:
    outcome = "blind" if up is None else "ok" if up else "fail"
    return {
        "id": f"{source}-{name}-{second}", "at": START + timedelta(seconds=second), "received_at": START,
        "source": source, "probe": name, "outcome": outcome, "up": up, **more,
    }  # fmt: skip


def gauge(name: str, second: float, value: float, *, source: str = "nigrani", **labels: str) -> dict[str, Any]:
    return {
        "id": f"{name}-{labels}-{second}", "at": START + timedelta(seconds=second), "received_at": START,
        "source": source, "name": name, "value": value, "labels": labels,
    }  # fmt: skip


def stored(probes: Sequence[Fact] = (), gauges: Sequence[Fact] = ()) -> None:
    from nigrani.telemetry import store

    store.insert("probes", [*probes, *probes])  # a fact that arrives twice counts once
    store.insert("gauges", [*gauges, *gauges])


@pytest.mark.django_db
def test_every_measure_s_sql_runs_on_the_engine_without_facts(guide: Guide, telemetry: str) -> None:
    for name in guide.measures:
        assert computed(guide, name) == [], name


@pytest.mark.django_db
def test_the_system_is_as_up_as_its_worse_probe_and_half_seen_never_proves_it_up(guide: Guide, telemetry: str) -> None:
    stored([
        *(probe("health", second) for second in (0, 15, 30, 45)), probe("login", 10),
        probe("health", 60), probe("health", 75, up=0), probe("health", 90, up=0), probe("health", 105, up=0),
        probe("login", 70),
        probe("health", 120, up=None), probe("login", 130),
        probe("health", 180, up=None), probe("admin", 181, up=0),
        probe("health", 240, up=None), probe("login", 250, up=0),
    ])  # fmt: skip
    rows = computed(guide, "system_up")
    assert [(row["minute"].minute, row["num"], row["den"], row["n"]) for row in rows] == [
        (0, 1.0, 1, 5), (1, 0.25, 1, 5), (4, 0.0, 1, 1),
    ]  # fmt: skip


@pytest.mark.django_db
def test_a_probe_of_the_website_is_as_it_was_last_believed(guide: Guide, telemetry: str) -> None:
    stored([probe("health", 0), probe("health", 15, up=0), probe("login", 5, up=0), probe("login", 50)])
    rows = computed(guide, "website_up")
    assert [(row["probe"], row["num"], row["n"]) for row in rows] == [("health", 0, 2), ("login", 1, 2)]


def percentile(digest: str, *, index: int) -> float:
    from nigrani.telemetry import store

    [row] = store.query(
        "SELECT finalizeAggregation(CAST(unhex({digest:String}),"
        " 'AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Float64)')) AS found",
        {"digest": digest},
    )
    return float(row["found"][index])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("measure", "source", "name", "column"),
    [
        ("website_first_byte", "website", "login", "first_byte_ms"),
        ("database_response", "database", "responsive", "total_ms"),
    ],
)
def test_response_times_are_kept_as_digests_that_merge(
    guide: Guide, telemetry: str, measure: str, source: str, name: str, column: str
) -> None:
    slow = [{**probe(name, second, source=source), column: 100.0 + second} for second in range(50)]
    stored([*slow, probe(name, 55, source=source), probe(name, 56, source=source, up=0)])
    [row] = computed(guide, measure)
    assert row["n"] == 50
    assert percentile(row["digest"], index=0) == pytest.approx(124.5, abs=1.5)
    assert percentile(row["digest"], index=1) == pytest.approx(147, abs=2)


@pytest.mark.django_db
def test_a_full_database_is_not_down_but_it_is_full_and_not_responsive(guide: Guide, telemetry: str) -> None:
    stored(gauges=[gauge("postgres.connections.ratio", 16, 1.0, source="database")], probes=[
        probe("responsive", 0, source="database", total_ms=12.0),
        probe("responsive", 15, source="database", up=0, failure="full"),
        probe("connections", 16, source="database", up=0, failure="full"),
        probe("responsive", 60, source="database", up=0, failure="refused"),
        probe("responsive", 75, source="database", total_ms=1500.0),
        probe("responsive", 120, source="database", up=None),
    ])  # fmt: skip
    assert [(row["num"], row["den"], row["n"]) for row in computed(guide, "database_up")] == [(1.0, 1, 2), (0.5, 1, 2)]
    assert [(row["num"], row["den"]) for row in computed(guide, "database_responsive")] == [(1, 2), (0, 2)]
    assert [row["num"] for row in computed(guide, "database_full")] == [2, 0, 0]


@pytest.mark.django_db
def test_gauges_become_the_measures_they_are_for(guide: Guide, telemetry: str) -> None:
    stored(gauges=[
        gauge("postgres.connections.ratio", 0, 0.4, source="database"),
        gauge("postgres.connections.ratio", 30, 0.7, source="database"),
        gauge("web.certificate.days_left", 5, 61.5, source="website"),
        gauge("web.certificate.days_left", 6, 60.5, source="website"),
    ])  # fmt: skip
    assert [row["num"] for row in computed(guide, "database_connections")] == [0.7]
    assert [row["num"] for row in computed(guide, "certificate_days_left")] == [60.5]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("measure", "name", "label"),
    [
        ("source_age", "nigrani.source.age_ratio", "source"),
        ("loop_lag", "nigrani.loop.lag_s", "loop"),
        ("queue_age", "nigrani.outbox.oldest_age_s", ""),
        ("journal_backlog", "nigrani.journal.backlog_rows", ""),
    ],
)
def test_what_the_watchman_says_of_itself_is_the_newest_value_of_each_series(
    guide: Guide, telemetry: str, measure: str, name: str, label: str
) -> None:
    rows = []
    for series, values in {"website": (1.0, 3.0), "database": (9.0, 2.0)}.items():
        for second, value in enumerate(values):
            fact: dict[str, Any] = gauge(name, second, value)
            rows.append({**fact, "id": f"{series}{second}", "labels": {label: series} if label else {}})
    stored(gauges=rows if label else rows[:2])
    found: Mapping[str, float] = {row.get(label, ""): row["num"] for row in computed(guide, measure)}
    assert found == ({"website": 3.0, "database": 2.0} if label else {"": 3.0})
