"""Slack in trouble at the very moment an alert fires, and when it is over: the message arrives all the same."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from tests.eventually import eventually
from tests.journeys.house import HEALTH, House

from nigrani.integrations import REPEAT_NOTE

pytestmark = [
    pytest.mark.slow("an alert's whole life, and a receiver that keeps it waiting"),
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("whole"),
]


def _trouble(whole: House, kind: str) -> None:
    whole.yard.fault("slack_trouble", on=True, kind=kind, retry_after_s=3)


def _met(whole: House, kind: str, *, after: int) -> list[dict[str, Any]]:
    """Return the tries to tell Slack of our alert that met the trouble."""
    return whole.ask(
        "SELECT a.outcome FROM outbox_attempt a JOIN outbox_message m ON m.id = a.message_id"
        " WHERE m.id > %s AND m.receiver = 'production-alerts' AND m.kind = %s AND m.notice::text LIKE %s"
        " AND a.outcome NOT IN ('', 'sent')",  # '' is under way
        after, kind, f"%{HEALTH}%",
    )  # fmt: skip


def _last_message(whole: House) -> int:
    return int(whole.ask("SELECT coalesce(max(id), 0) AS id FROM outbox_message")[0]["id"])


@pytest.mark.parametrize(("at_firing", "at_the_end"), [("429", "lost_answer"), ("hang", "500")])
def test_a_message_that_slack_did_not_take_at_once_arrives(whole: House, at_firing: str, at_the_end: str) -> None:
    item, message = whole.newest(), _last_message(whole)
    for kind, trouble, broken in (("firing", at_firing, True), ("resolved", at_the_end, False)):
        _trouble(whole, trouble)
        whole.yard.fault("web_down", on=broken)
        eventually(partial(_met, whole, kind, after=message), timeout_s=40)
        whole.yard.fault("slack_trouble", on=False)
        eventually(partial(_is_sent, whole, kind, after=message), timeout_s=40)
        copies = whole.told(kind, HEALTH, after=item)
        outcomes = {row["outcome"] for row in _met(whole, kind, after=message)}
        if trouble in ("429", "500"):
            assert outcomes == {"throttled" if trouble == "429" else "unreachable"}
            assert [REPEAT_NOTE in copy for copy in copies] == [False]
        else:
            assert outcomes == {"uncertain"}
            taken = trouble == "lost_answer"  # the first copy was taken, and nobody could know
            assert [REPEAT_NOTE in copy for copy in copies][-1] is True
            assert (len(copies) > 1) is taken
            assert [REPEAT_NOTE in copy for copy in copies].count(False) == int(taken)


def _is_sent(whole: House, kind: str, *, after: int) -> bool:
    found = whole.ask(
        "SELECT state FROM outbox_message WHERE id > %s AND receiver = 'production-alerts' AND kind = %s"
        " AND notice::text LIKE %s",
        after, kind, f"%{HEALTH}%",
    )  # fmt: skip
    return [row["state"] for row in found] == ["sent"]
