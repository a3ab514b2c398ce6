"""What every story does: settle, break, mend, and look for what reached the receivers' own journals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from nigrani.lib import clock

from .eyes import Eyes
from .stage import Stage

# How long a message may take: one and a half intervals of 15 s to believe the fault, a pass to evaluate it, a second
# to send it, and as much again for a machine that is busy with other things.
MESSAGE_S = 60.0
SETTLE_S = 150.0
CLEAR_S = 420.0


@dataclass(frozen=True)
class Story:
    """A story: its name, what it shows in a sentence, and how it is played. `play` returns whether all came true.

    guide: files by name that it adds to the shipped guide.
    """

    name: str
    shows: str
    play: Callable[[Stage, Eyes, bool], bool]
    guide: Mapping[str, str] = field(default_factory=dict)


def titles(stage: Stage, kind: str, *parts: str) -> Callable[[], str | None]:
    """Look for a message of a kind (firing or resolved) that holds every part."""

    def look() -> str | None:
        for said in stage.messages():
            is_resolved = "Resolved:" in said[:20]
            if is_resolved == (kind == "resolved") and all(part in said for part in parts):
                return said
        return None

    return look


def count(stage: Stage, word: str, *parts: str) -> int:
    """Count the messages whose headline has this word ("Firing", "Resolved", "Note") and that hold every part."""
    return sum(f"{word}:" in said[:20] and all(part in said for part in parts) for said in whole(stage))


def whole(stage: Stage) -> list[str]:
    """Return all the text of each message that the channel took, its headline first."""
    taken = (item for item in stage.yard.journal("slack") if item["accepted"])
    return [
        "\n".join([str(item["text"]), *(str(block["text"]["text"]) for block in item["payload"].get("blocks", ()))])
        for item in taken
    ]


def settled(stage: Stage, eyes: Eyes) -> bool:
    """Wait until every source is fresh and every rule was evaluated; note how it stands."""
    if stage.node is None:
        stage.happened("not settled", eyes.unsettled())
        return False
    seen = stage.wait(eyes.settled, timeout_s=SETTLE_S)
    if not seen:
        stage.happened("not settled", eyes.unsettled())
        return False
    stage.happened("settled", seen)
    return True


def told(stage: Stage, what: str, *parts: str, kind: str = "firing", timeout_s: float = MESSAGE_S) -> bool:
    """Wait for a message in the channel's journal; note it, or that it never came."""
    title = stage.wait(titles(stage, kind, *parts), timeout_s=timeout_s)
    stage.happened(what if title else f"missing: {what}", title or f"no {kind} message with {' and '.join(parts)}")
    return title is not None


def not_told(stage: Stage, *parts: str) -> bool:
    """Whether no firing message with these parts stands in the journal; note it if one does."""
    title = titles(stage, "firing", *parts)()
    if title:
        stage.happened("wrongly told", title)
    return title is None


def told_once(stage: Stage, *parts: str, watch_s: float) -> bool:
    """Whether exactly one firing message stands in the journal after watching on, and it holds every part."""
    stage.wait(lambda: False, timeout_s=watch_s)
    firing = [said for said in stage.messages() if "Firing:" in said[:20]]
    right = len(firing) == 1 and all(part in firing[0] for part in parts)
    stage.happened("one message" if right else "not one message", " | ".join(firing) or "none")
    return right


def break_(stage: Stage, inject: bool, name: str, **params: object) -> None:
    """Break one thing in the school, unless the story is played without its fault."""
    if inject:
        stage.yard.fault(name, on=True, **params)
        stage.happened("broken", name)
    else:
        stage.happened("nothing broken", f"{name} was left alone")


def mend(stage: Stage, inject: bool, name: str) -> None:
    """Mend what `break_` broke."""
    if inject:
        stage.yard.fault(name, on=False)
        stage.happened("mended", name)


def promote(stage: Stage, *rules: str) -> None:
    """Let rules send that begin in shadow, as a team does once it trusts them."""
    from nigrani.alerts import actions

    for rule in rules:
        actions.promote(rule, by="the story", now=clock.now())
        stage.happened("promoted", rule)
