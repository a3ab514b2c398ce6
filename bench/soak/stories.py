"""Every story of the demo three ways: it comes true, and it does not without its fault or without its watchman."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from concurrent.futures import as_completed
from typing import Any

from tests.journeys.plays import Flags, Played, playing

from nigrani.demo.stories import STORIES

from .report import Result

PLAIN: Flags = ()
NO_FAULT: Flags = ("--no-fault",)
NO_WATCH: Flags = ("--no-watch",)
# Each makes sense for each story: every one breaks something, and every one is judged by what a watchman sent.
WAYS = (NO_FAULT, PLAIN, NO_WATCH)  # waiting for what never comes takes longest, so that begins first


def run(*, say: Callable[[str], None]) -> Result:
    """Play everything, a few at once."""
    return play([(name, flags) for flags in WAYS for name in reversed(STORIES)], say=say)


def play(plays: Iterable[tuple[str, Flags]], *, say: Callable[[str], None]) -> Result:
    """Play these stories with these flags and judge each."""
    failures = []
    with playing() as begin:
        begun = {begin(name, flags): (name, flags) for name, flags in plays}
        for number, done in enumerate(as_completed(begun), 1):
            name, flags = begun[done]
            wrong = judge(name, flags, done.result())
            say(f"stories: {number} of {len(begun)}: {wrong or _titled(name, flags)}")
            failures += [wrong] if wrong else []
    counts = {"stories": len({name for name, _ in begun.values()}), "plays": len(begun)}
    return Result("stories", "", counts, tuple(failures))


def judge(name: str, flags: Flags, played: Played) -> str:
    """Say what is wrong with how a play ended, with the last it told; "" if it ended as it must.

    With a flag it must fail for the flag's sake: not by breaking off, and not because nothing was ready for the fault.
    """
    last = _last(played)
    seen = {str(event["what"]) for event in last.get("events", ())}
    wanted = 1 if flags else 0
    if played.code != wanted:
        wrong = f"ended with {played.code} instead of {wanted}"
    elif (last.get("story"), last.get("ok")) != (name, not flags):
        wrong = "did not say how it went"
    elif "broke off" in seen:
        wrong = "broke off"
    elif flags == NO_FAULT and "settled" not in seen:
        wrong = "did not settle, so it says nothing about its fault"
    else:
        return ""
    told = (played.told.strip() or played.said.strip() or "nothing").splitlines()[-1].strip()
    return f"{_titled(name, flags)} {wrong}; last it said: {told}"


def _last(played: Played) -> dict[str, Any]:
    """Return the object of the last line; an empty one if there is none."""
    try:
        found = json.loads(played.said.strip().splitlines()[-1])
    except (IndexError, json.JSONDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _titled(name: str, flags: Flags) -> str:
    return " ".join((name, *flags))
