"""Guides made by hand and facts put in place: what tests of measures and alerts begin with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from nigrani.guide import Alert, Clear, Condition, Guide, Measure, Person, Promise, Receiver, Row, Source, Where
from nigrani.sources.models import Source as SourceRow
from nigrani.telemetry import guard, store

T0 = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HERE = Where("made.yaml", 1, 1)
_ids = count(1)

SHARE = """SELECT toStartOfMinute(at) AS minute, probe, countIf(outcome = 'ok') AS num, count() AS den, count() AS n
FROM probes WHERE source = 'website' AND outcome != 'blind'
AND at >= {start:DateTime64(3)} AND at < {end:DateTime64(3)} GROUP BY minute, probe"""
FAILED = """SELECT toStartOfMinute(at) AS minute, countIf(outcome = 'fail') AS num, count() AS n
FROM probes WHERE source = 'website' AND at >= {start:DateTime64(3)} AND at < {end:DateTime64(3)} GROUP BY minute"""


def measure(name: str, sql: str, **changes: Any) -> Measure:
    known: dict[str, Any] = {
        "means": "A number.", "unit": "count", "combine": "sum", "needs": ("website",), "by": (), "covers": (),
        "where": HERE,
    } | changes  # fmt: skip
    return Measure(name=name, sql=sql, tables=guard.inspect(sql).tables, **known)


def share(sql: str = SHARE, **changes: Any) -> Measure:
    return measure("share", sql, **{"unit": "ratio", "combine": "ratio", "by": ("probe",)} | changes)


def failed(sql: str = FAILED, **changes: Any) -> Measure:
    return measure("failed", sql, **changes)


def source(name: str = "website", **changes: Any) -> Source:
    known: dict[str, Any] = {
        "kind": "web", "title": "The website", "config": None, "stale_after": MINUTE, "probes": {}, "missing": (),
        "where": HERE,
    } | changes  # fmt: skip
    return Source(name=name, **known)


def alert(name: str = "down", **changes: Any) -> Alert:
    known: dict[str, Any] = {
        "title": "System Down", "means": "Nobody can log in.", "covers": (), "urgency": "critical",
        "when": Condition("share", MINUTE, below=0.95), "hold": timedelta(), "clear": Clear(), "owner": "lead",
        "action": "Investigate immediately.", "runbook": "", "starts": "live", "examples": (), "where": HERE,
    } | changes  # fmt: skip
    return Alert(name=name, **known)


def guide(
    *,
    measures: Sequence[Measure] = (),
    alerts: Sequence[Alert] = (),
    promises: Sequence[Promise] = (),
    sources: Sequence[Source] | None = None,
    rows: Sequence[Row] = (),
    receivers: Sequence[Receiver] | None = None,
    **changes: Any,
) -> Guide:
    if receivers is None:
        receivers = (Receiver("mail", "email", "Mail to the lead", None, (), HERE),)
    known: dict[str, Any] = {
        "name": "Test", "zone": ZoneInfo("Asia/Kolkata"), "folder": "", "digest": "", "reference": (),
        "dead_man": None, "dead_man_every": MINUTE, "text": {},
        "people": {"lead": Person("lead", "The lead", tuple(each.name for each in receivers), HERE)},
    } | changes  # fmt: skip
    return Guide(
        sources={each.name: each for each in ((source(),) if sources is None else sources)},
        measures={each.name: each for each in measures},
        alerts={each.name: each for each in alerts},
        promises={each.name: each for each in promises},
        receivers={each.name: each for each in receivers},
        rows={each.id: each for each in rows},
        **known,
    )


def probe(
    at: datetime, outcome: str = "ok", *, name: str = "login", received: datetime | None = None
) -> dict[str, Any]:
    return {
        "at": at, "received_at": received or at, "id": f"f{next(_ids)}", "source": "website", "probe": name,
        "outcome": outcome,
    }  # fmt: skip


def put(*rows: Mapping[str, Any], table: str = "probes") -> None:
    store.insert(table, rows)


def answered(at: datetime, name: str = "website") -> None:
    """Let a source have answered last at this instant."""
    SourceRow.objects.update_or_create(name=name, defaults={"kind": "web", "created_at": at, "last_ok_at": at})
