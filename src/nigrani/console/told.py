"""Whom an alert reaches: those that hear of it apart from those that are not set up and so can't."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nigrani.alerts.queries import FateView
from nigrani.guide.model import Guide, Receiver

_NOT_SET_UP = " is not set up: "  # how the alerts room words it; a test holds the two together


@dataclass(frozen=True)
class Told:
    """What became of one change. heard: sent, on its way, or kept back for a reason; idle: could not hear anything."""

    heard: tuple[FateView, ...] = ()
    idle: tuple[FateView, ...] = ()

    @property
    def said(self) -> str:
        """How many could not hear, as a sentence of their own."""
        return (
            f"{len(self.idle)} receiver is not set up"
            if len(self.idle) == 1
            else f"{len(self.idle)} receivers are not set up"
        )

    @property
    def nobody(self) -> bool:
        """Whether it reached nobody because nobody can be reached."""
        return bool(self.idle) and not self.heard


@dataclass(frozen=True)
class Reach:
    """Where an owner hears, and where that would be if it were set up."""

    ready: tuple[Receiver, ...] = ()
    idle: tuple[Receiver, ...] = ()


def sort_out(guide: Guide, fates: Iterable[FateView]) -> Told:
    """Return the fates with those first that have a message, and those of receivers that are not set up apart."""
    fates = _latest(fates)
    idle = tuple(fate for fate in fates if _is_idle(guide, fate))
    heard = [fate for fate in fates if fate not in idle]
    return Told(tuple(sorted(heard, key=lambda fate: fate.message is None)), idle)


def _latest(fates: Iterable[FateView]) -> tuple[FateView, ...]:
    """Return one decision a receiver: the last with a message, else the last. Why the others stands elsewhere."""
    kept: dict[str, FateView] = {}
    for fate in fates:
        before = kept.get(fate.receiver)
        if before is None or fate.message is not None or before.message is None:
            kept[fate.receiver] = fate
    return tuple(kept.values())


def _is_idle(guide: Guide, fate: FateView) -> bool:
    receiver = guide.receivers.get(fate.receiver)
    is_missing = receiver is not None and not receiver.is_set_up
    return fate.message is None and (is_missing or _NOT_SET_UP in fate.reason)


def reach(receivers: Iterable[Receiver]) -> Reach:
    """Return an owner's receivers, those that are set up apart from the others."""
    receivers = tuple(receivers)
    ready = tuple(each for each in receivers if each.is_set_up)
    return Reach(ready, tuple(each for each in receivers if not each.is_set_up))
