"""The little language of examples: `readings: "0*10 11*5"`, `each: 1m`, `expect: "firing at 10m, ok at 30m"`.

Readings are what the measure says over the alert's window, one after another, the first at the start. `value*count`
repeats; a value may carry the unit of its measure (`95%`, `500ms`). `-` is a moment without a reading and `?` one
at which the measure is unknown. An expectation is a state `at` a moment, counted from the first reading; without
`at`, at the last one. `firing at 10m` also says that it did not fire a reading earlier. `critical at 10m` says that it
fires at that level, and did not a reading earlier. `never fires` is about all.

Pure; the alerts room runs what is read here against the state machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from nigrani.lib import units

from .levels import value
from .model import URGENCIES, Example, Unit

Word = Literal["ok", "pending", "firing", "recovering", "unknown", "never fires", "critical", "high", "medium"]
WORDS: tuple[Word, ...] = ("ok", "pending", "firing", "recovering", "unknown", "never fires")
_MOST = 50_000  # readings in one example: five weeks of minutes
_PART = re.compile(r"(?P<value>[^\s*]+)(\*(?P<count>[0-9]{1,6}))?")
_EXPECT = re.compile(r"(?P<word>[a-z]+( [a-z]+)?)( at (?P<at>\S+))?")


@dataclass(frozen=True)
class Moment:
    """What the measure says at one moment of an example.

    value: in the measure's unit; None when there is no reading, or when it is unknown.
    """

    offset: timedelta
    value: float | None
    is_unknown: bool = False


@dataclass(frozen=True)
class Expectation:
    """A state that the alert must have; `at` is None for "never fires", which is about every moment."""

    word: Word
    at: timedelta | None


@dataclass(frozen=True)
class Script:
    """An example, read."""

    moments: tuple[Moment, ...]
    expectations: tuple[Expectation, ...]

    @property
    def fires(self) -> bool:
        """Whether it expects the alert to fire."""
        return any(each.word == "firing" or each.word in URGENCIES for each in self.expectations)


def script(example: Example, unit: Unit) -> Script:
    """Read a whole example of an alert on a measure in `unit`. Raises ValueError with a sentence."""
    return parse(example.readings, example.each, example.expect, unit=unit)


def parse(readings: str, each: timedelta, expect: str, *, unit: Unit) -> Script:
    """Read an example's parts. Raises ValueError with a sentence that says what is wanted."""
    moments = tuple(_moments(readings, each, unit))
    if not moments:
        raise ValueError("readings holds none; write for example 0*10 11*5")
    last = moments[-1].offset
    expectations = tuple(_expectation(part.strip(), last) for part in expect.split(","))
    moments_named = [each.at for each in expectations if each.at is not None]
    if moments_named != sorted(moments_named):
        raise ValueError("expect is not in the order of time")
    return Script(moments, expectations)


def _moments(readings: str, each: timedelta, unit: Unit) -> Iterator[Moment]:
    number = 0
    for part in readings.split():
        found = _PART.fullmatch(part)
        if found is None:
            raise ValueError(f"{part!r} is no reading; write value*count, for example 0*10 11*5")
        count = int(found["count"] or "1")
        if number + count > _MOST or not count:
            raise ValueError(f"{part!r} repeats {count} times; an example has 1 to {_MOST} readings")
        written = found["value"]
        try:
            read = None if written in ("-", "?") else value(written, unit)
        except ValueError:
            raise ValueError(f"{written!r} is no value in {unit}; write for example 0*10 11*5") from None
        for _ in range(count):
            yield Moment(each * number, read, is_unknown=written == "?")
            number += 1


def _expectation(text: str, last: timedelta) -> Expectation:
    found = _EXPECT.fullmatch(text)
    if found is None or found["word"] not in (*WORDS, *URGENCIES):
        raise ValueError(f"{text!r} is no expectation; write for example firing at 10m, ok, pending or never fires")
    word = next(each for each in (*WORDS, *URGENCIES) if each == found["word"])
    if word == "never fires":
        if found["at"]:
            raise ValueError("'never fires' takes no moment")
        return Expectation(word, None)
    try:
        at = units.duration(found["at"]) if found["at"] else last
    except OverflowError:
        at = timedelta.max
    if at > last:
        raise ValueError(f"{text!r} lies after the last reading, which is at {units.show_duration(last)}")
    return Expectation(word, at)
