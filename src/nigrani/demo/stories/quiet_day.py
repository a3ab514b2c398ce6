"""Nothing is sent on a quiet day, though everything is looked at; then a fault is sent."""

from __future__ import annotations

from nigrani.demo import telling
from nigrani.demo.eyes import Eyes
from nigrani.demo.stage import Stage

SHOWS = "Nothing is sent on a quiet day, though everything is looked at; then a fault is sent."


def play(stage: Stage, eyes: Eyes, inject: bool) -> bool:
    """A day on which nothing happens: nothing is sent although everything is looked at; then one fault is sent."""
    calm = telling.settled(stage, eyes)
    stage.wait(lambda: False, timeout_s=45)
    sent = [item for receiver in ("slack", "smtp", "hook") for item in stage.yard.journal(receiver)]
    stage.happened("quiet" if not sent else "not quiet", f"{len(sent)} messages in the receivers' journals")
    for rule in eyes.rules():
        stage.happened("rule evaluated", rule)
    for source in eyes.sources():
        stage.happened("source fresh", source)
    looked = bool(eyes.settled())
    telling.break_(stage, inject, "web_down")
    return calm and not sent and looked and telling.told(stage, "told", "System Down")
