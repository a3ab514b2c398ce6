"""The life of an alert: ok → pending → firing → recovering → ok, and unknown. Pure: no rows, no clock.

What may be relied on: nothing fires before its hold is over; nothing fires or resolves while the value is unknown,
too little or without a source, nor on a pass whose clock stands behind the pass before; a run of clean values always
ends in ok; the same pass twice changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from nigrani.lib.units import show_duration

State = Literal["ok", "pending", "firing", "recovering", "unknown"]
Known = Literal["known", "unknown", "too_little", "no_source"]

GONE_AFTER = timedelta(days=1)  # a label set without a reading for so long is taken for removed
LOUD: frozenset[State] = frozenset({"firing", "recovering"})


@dataclass(frozen=True)
class Seen:
    """What is kept of an alert between passes.

    since: when it entered its state. pending_since: when the present hold began (of pending and of recovering);
    None means that the hold begins with the next value that can be judged. at: the pass before, or None.
    """

    state: State
    since: datetime
    pending_since: datetime | None = None
    at: datetime | None = None


@dataclass(frozen=True)
class Found:
    """What this pass found. `holds` and `clears` count only while known; both False is between the two levels.

    says: the finding in words and numbers, without a full stop: "6.1 % over 5 min is above 5 %".
    """

    known: Known
    holds: bool
    clears: bool
    says: str


@dataclass(frozen=True)
class Holds:
    """How long a condition must hold before it fires, and how long it must be clear before it is over."""

    fire: timedelta = timedelta()
    clear: timedelta = timedelta()


@dataclass(frozen=True)
class Next:
    """What to keep now. `because` is a sentence with the numbers when the state changed, "" when it did not."""

    state: State
    since: datetime
    pending_since: datetime | None
    because: str = ""


def step(seen: Seen, found: Found, holds: Holds, *, now: datetime) -> Next:
    """Return what an alert becomes after one pass."""
    if seen.at is not None and now < seen.at:
        return Next(seen.state, seen.since, None)  # the clock went back: nothing is decided, a hold begins anew
    if found.known != "known":
        return _without_a_value(seen, found, now)
    if seen.pending_since is not None and now < seen.pending_since:
        seen = replace(seen, pending_since=None)
    if found.holds:
        return _beyond(seen, found, holds.fire, now)
    if found.clears:
        return _clear(seen, found, holds.clear, now)
    return _between(seen, found, now)


def _without_a_value(seen: Seen, found: Found, now: datetime) -> Next:
    if seen.state in LOUD:
        return Next(seen.state, seen.since, None)
    if seen.state == "unknown" or (seen.state == "ok" and found.known == "too_little"):
        return Next(seen.state, seen.since, None)
    return Next("unknown", now, None, f"{_sentence(found.says)}.")


def _beyond(seen: Seen, found: Found, hold: timedelta, now: datetime) -> Next:
    if seen.state == "firing":
        return Next("firing", seen.since, None)
    if seen.state == "recovering":
        return Next("firing", now, None, f"{_sentence(found.says)} again.")
    began = seen.pending_since if seen.state == "pending" else now
    began = now if began is None else began
    if now - began >= hold:
        held = f", for {show_duration(now - began)}" if hold else ""
        return Next("firing", now, None, f"{_sentence(found.says)}{held}.")
    if seen.state == "pending":
        return Next("pending", seen.since, began)
    return Next("pending", now, began, f"{_sentence(found.says)}; it fires after {show_duration(hold)}.")


def _clear(seen: Seen, found: Found, hold: timedelta, now: datetime) -> Next:
    if seen.state == "ok":
        return Next("ok", seen.since, None)
    if seen.state not in LOUD:
        return Next("ok", now, None, f"{_sentence(found.says)}.")
    began = seen.pending_since if seen.state == "recovering" else now
    began = now if began is None else began
    if now - began >= hold:
        held = f", for {show_duration(now - began)}" if hold else ""
        return Next("ok", now, None, f"{_sentence(found.says)}{held}.")
    if seen.state == "recovering":
        return Next("recovering", seen.since, began)
    return Next("recovering", now, began, f"{_sentence(found.says)}; it is over after {show_duration(hold)}.")


def _between(seen: Seen, found: Found, now: datetime) -> Next:
    match seen.state:
        case "pending" | "unknown":
            return Next("ok", now, None, f"{_sentence(found.says)}.")
        case "recovering":
            return Next("firing", now, None, f"{_sentence(found.says)}, and not clear yet.")
        case _:
            return Next(seen.state, seen.since, None)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
