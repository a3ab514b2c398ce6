"""What explains what: `effect_of` of alerts, followed from effect to cause, and circles in it found. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .model import Alert
from .parser import is_read
from .reader import Problems, clip


def causes_of(name: str, alerts: Mapping[str, Alert]) -> tuple[str, ...]:
    """Return every alert that explains this one, near ones first; also the causes of causes."""
    found: dict[str, None] = {}
    ahead = [name]
    for each in ahead:
        for cause in alerts[each].effect_of if each in alerts else ():
            if cause not in found and cause != name:
                found[cause] = None
                ahead.append(cause)
    return tuple(found)


def circles(shapes: Mapping[str, Any], problems: Problems) -> None:
    """Note every circle of causes once, at the alert of it that comes first."""
    effects = {name: shape.effect_of for name, shape in shapes.items() if is_read(shape.effect_of)}
    done: set[str] = set()
    for name in effects:
        circle = next(_ways_back(name, effects, done), None)
        done.add(name)
        if circle:
            told = " → ".join(clip(each) for each in (*circle, name))
            sentence = f"'effect_of' of the alert '{clip(name)}' leads back to itself: {told}"
            problems.add(shapes[name].at["effect_of"], sentence)
            done.update(circle)


def _ways_back(start: str, effects: Mapping[str, Iterable[str]], done: set[str]) -> Iterator[tuple[str, ...]]:
    """Yield the ways from an alert over its causes back to it, without those that were looked at before."""
    ahead: list[tuple[str, ...]] = [(start,)]
    seen = {start}
    while ahead:
        way = ahead.pop()
        for cause in effects.get(way[-1], ()):
            if cause == start:
                yield way
            elif cause not in seen and cause not in done:
                seen.add(cause)
                ahead.append((*way, cause))
