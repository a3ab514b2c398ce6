"""Measures over a feed's facts are believed only as far as the feed was read."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from nigrani.guide import Condition, Feed, Guide, load, shipped
from nigrani.lib.secret import Secret, Vault
from nigrani.measures import readings, windows
from nigrani.measures.values import Value
from nigrani.sources.models import Feed as FeedRow
from nigrani.sources.models import Gap
from nigrani.sources.models import Source as SourceRow
from nigrani.vocabulary import vocabulary

from .making import HERE, MINUTE, T0, answered, guide, measure, put, source

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("telemetry")]

ROWS = """SELECT toStartOfMinute(at) AS minute, count() AS num, count() AS n FROM audit FINAL
WHERE at >= {start:DateTime64(3)} AND at < {end:DateTime64(3)} GROUP BY minute"""
FEED = Feed("audit", "SELECT 1", "at", "id", {"action": "action"}, HERE)


def fed() -> Guide:
    return guide(measures=[measure("rows", ROWS)], sources=[source(feeds={"audit": FEED})])


def stands(**changes: Any) -> FeedRow:
    known = {"read_to": T0, "cursor": T0 - MINUTE, "is_caught_up": True, "since": T0, "every": FEED.every}
    row, _ = FeedRow.objects.update_or_create(
        source=SourceRow.objects.get(name="website"), feed="audit", defaults=known | changes
    )
    return row


def read(of: Guide, *, over: timedelta = 10 * MINUTE) -> Value:
    readings.compute(of, now=T0)
    return windows.read(of, [Condition("rows", over, above=0)], now=T0)[0].of("", {})


def test_a_feed_that_is_read_gives_a_true_zero_and_one_that_was_never_read_gives_none() -> None:
    answered(T0)
    value = read(fed())
    assert (value.known, value.says) == ("unknown", "the feed audit of The website has not been read yet")
    stands()
    assert (read(fed()).known, read(fed()).value) == ("known", 0)


def test_while_the_past_is_caught_up_with_it_is_unknown_and_says_how_far() -> None:
    answered(T0)
    stands(is_caught_up=False, read_to=T0 - timedelta(hours=5))
    value = read(fed())
    assert value.known == "unknown"
    assert value.says == "the feed audit of The website is caught up to 2026-03-01 05:00 UTC, 5 h behind"


def test_an_error_is_borne_for_a_moment_and_then_said() -> None:
    answered(T0)
    stands(error="The column x is missing.", error_kind="refused", failing_since=T0, read_to=T0 - MINUTE / 2)
    assert read(fed()).known == "known"
    stands(error="The column x is missing.", error_kind="refused", failing_since=T0, read_to=T0 - 2 * MINUTE)
    assert read(fed()).says == "the feed audit of The website can't be read: The column x is missing."


def test_a_window_over_rows_that_are_gone_is_unknown_and_another_is_not() -> None:
    answered(T0)
    row = stands()
    gone_to = T0 - timedelta(hours=2)
    Gap.objects.create(feed=row, start=T0 - timedelta(hours=3), end=T0 - timedelta(hours=1), lost_to=gone_to)
    assert read(fed()).known == "known"
    value = read(fed(), over=timedelta(hours=24))
    assert value.known == "unknown"
    assert "rows of 2026-03-01 07:00 to 2026-03-01 08:00 UTC were gone before they could be read" in value.says


def audit(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "at": T0 - MINUTE * 2, "received_at": T0, "id": f"audit/{number}", "source": "database", "action": "LOGIN",
        "resource": "nextauth_login", "outcome": "failed", "reason": "INVALID_PASSWORD", "actor": "u1",
        "ip_key": "45.64.1.1",
    } | changes  # fmt: skip


def test_the_shipped_measures_count_what_the_guide_means(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    vault.put("ERP_DATABASE_URL", Secret("postgresql://nigrani_monitor:x@127.0.0.1/erp"))
    real = load(shipped(), vocabulary=vocabulary(), vault=vault)
    answered(T0, "database")
    FeedRow.objects.create(
        source=SourceRow.objects.get(name="database"), feed="audit", read_to=T0, cursor=T0, is_caught_up=True, since=T0
    )
    put(
        *(audit(number) for number in range(6)),
        audit(6, reason="EMAIL_NOT_VERIFIED"),
        audit(7, actor="", attrs={"identifier": "email:abc"}, reason="USER_NOT_FOUND"),
        *(audit(number, actor=f"v{number}", ip_key="45.64.9.9") for number in range(8, 20)),
        audit(20, outcome="ok", resource="nextauth_signin"),
        audit(21, action="READ", resource="PERMISSION_DENIED", outcome="denied", actor="u2"),
        audit(22, action="READ", resource="file_access", outcome="denied", actor="u3"),
        audit(23, reason="NO_SCHOOL_ASSOCIATION", actor="u3"),
        audit(24, action="EXPORT", resource="ALUMNI", outcome="", reason="", actor="u4", attrs={"records": "1200"}),
        audit(25, action="EXPORT", resource="ALUMNI", outcome="", reason="", actor="u4", attrs={"records": "many"}),
        table="audit",
    )
    readings.compute(real, now=T0)
    hour = timedelta(minutes=30)
    names = ("failed_logins", "accounts_tried", "logins", "access_denied", "school_crossings", "records_exported")
    merged = windows.read(real, [Condition(name, hour, above=0) for name in names], now=T0)
    found = {
        each.measure.name: {
            next(iter(value.labels.values()), ""): value.value for value in each.values.values() if value.value
        }
        for each in merged
    }
    assert found["failed_logins"]["u1"] == 6
    assert found["failed_logins"]["email:abc"] == 1
    assert found["accounts_tried"]["45.64.9.9"] == 12
    assert found["logins"] == {"": 1}
    assert found["access_denied"] == {"u2": 1}
    assert found["school_crossings"] == {"u3": 2}
    assert found["records_exported"] == {"u4": 1201}
