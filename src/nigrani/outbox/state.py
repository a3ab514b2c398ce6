"""What follows a try: pure, so that it can be told beforehand and tested for every order of events.

A message goes queued -> sending -> sent, or back to queued, or ends as failed (the far end said never) or given_up
(a day has passed). Sent is for ever; nothing leaves the three ends, but that proof of delivery comes in late.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from nigrani.lib.errors import Refused, SourceError, Throttled, Unreachable

State = Literal["queued", "sending", "sent", "failed", "given_up"]
Outcome = Literal["sent", "throttled", "refused", "unreachable", "uncertain", "unreadable"]

UNFINISHED: tuple[State, ...] = ("queued", "sending")
MAY_HAVE_ARRIVED: tuple[Outcome, ...] = ("uncertain", "unreadable")
GIVE_UP_AFTER = timedelta(hours=24)
WAIT_MAX = timedelta(hours=1)  # no far end makes us wait longer, whatever its Retry-After says
AHEAD_MAX = WAIT_MAX + timedelta(minutes=1)  # a time further ahead was told by a clock that has been set back since
BACKOFF = (
    timedelta(seconds=1),
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
)


@dataclass(frozen=True)
class Next:
    """The state after a try, when the next try is due (None: never), and why."""

    state: State
    at: datetime | None
    because: str


def follow(
    outcome: Outcome, *, tries: int, created_at: datetime, now: datetime, retry_at: datetime | None = None
) -> Next:
    """Return what follows the `tries`-th try (counted from 1), which ended at `now` with `outcome`.

    The last try is made when the day is over, not before: a message is never given up for want of a try.
    """
    if outcome == "sent":
        return Next("sent", None, "it was accepted")
    if outcome == "refused":
        return Next("failed", None, "it was refused for good")
    end = created_at + GIVE_UP_AFTER
    if now >= end:
        return Next("given_up", None, f"no try succeeded in {GIVE_UP_AFTER.total_seconds() / 3600:.0f} h")
    if outcome == "throttled":
        return Next("queued", allowed_at(retry_at, tries=tries, now=now), "the far end asked us to wait")
    return Next("queued", min(now + _wait(tries), end), "it is tried again")


def allowed_at(retry_at: datetime | None, *, tries: int, now: datetime) -> datetime:
    """Return when a far end that asked us to wait is called again: when it said, within reason."""
    asked = _wait(tries) if retry_at is None else retry_at - now
    return now + min(max(asked, BACKOFF[0]), WAIT_MAX)


def _wait(tries: int) -> timedelta:
    return BACKOFF[min(max(tries, 1), len(BACKOFF)) - 1]


def outcome_of(error: SourceError) -> Outcome:
    """Return the outcome that a sender's error stands for."""
    match error:
        case Throttled():
            return "throttled"
        case Refused():
            return "refused"
        case Unreachable():
            return "uncertain" if error.uncertain else "unreachable"
        case _:
            return "unreadable"
