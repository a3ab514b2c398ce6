"""What is believed of a system after each answer, and when it is asked again. Pure: no rows, no clock.

One answer is never believed against what is believed already: it makes the belief suspect, and the question is asked
again at half the interval. Only the second such answer in a row changes the belief, in both directions alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

Belief = Literal["new", "up", "down"]
Outcome = Literal["ok", "fail", "blind", "absent"]
BELIEFS: tuple[Belief, ...] = ("new", "up", "down")
OUTCOMES: tuple[Outcome, ...] = ("ok", "fail", "blind", "absent")

# Failures that a cable pulled out on our own side would cause as well.
NETWORK = frozenset({"dns", "connect", "refused", "timeout", "reset"})
_LONGEST_WAIT = timedelta(hours=1)
_BREATH = timedelta(seconds=1)


@dataclass(frozen=True)
class Seen:
    """What is kept of a probe between answers."""

    state: Belief
    suspect: bool
    since: datetime


@dataclass(frozen=True)
class Next:
    """What to keep now. up: the belief as a fact tells it, None while it is not known. changed: it is another."""

    state: Belief
    suspect: bool
    since: datetime
    up: bool | None
    changed: bool = False


def step(seen: Seen, outcome: Outcome, *, now: datetime) -> Next:
    """Return what is believed after one answer.

    Being blind leaves the belief as it was, and unknown; so does a system that has nothing to say to the question.
    """
    if outcome in ("blind", "absent"):
        return Next(seen.state, seen.suspect, seen.since, up=None)
    says: Belief = "up" if outcome == "ok" else "down"
    if says == seen.state:
        return Next(seen.state, False, seen.since, up=says == "up")
    is_believed = seen.suspect or (seen.state == "new" and says == "up")
    if is_believed:
        return Next(says, False, now, up=says == "up", changed=True)
    return Next(seen.state, True, seen.since, up=None if seen.state == "new" else seen.state == "up")


def sooner(asked_at: datetime, every: timedelta, *, now: datetime) -> datetime:
    """Return when to ask a suspect again: half an interval after it was asked, so that a slow failure costs no more.

    Never in the same second as the answer, and never later than half an interval from now.
    """
    return min(max(asked_at + every / 2, now + _BREATH), now + every / 2)


def next_at(planned: datetime, every: timedelta, *, now: datetime, not_before: datetime | None = None) -> datetime:
    """Return when to ask again: on the beat of the planned times, never in a burst after a pause or a clock's step.

    not_before: until when the system asked us to wait; obeyed for an hour at most.
    """
    beat = planned + every
    if beat <= now:
        beat += ((now - beat) // every + 1) * every
    if beat > now + every:  # planned by a clock that has been set back since
        beat = now + every
    if not_before is not None:
        beat = max(beat, min(not_before, now + _LONGEST_WAIT))
    return beat


def after(seen: Seen, found: Next) -> Seen:
    """Return what is kept for the next answer."""
    return replace(seen, state=found.state, suspect=found.suspect, since=found.since)
