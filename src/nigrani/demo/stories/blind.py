"""Nigrani itself is cut off: it says so, and blames nobody."""

from __future__ import annotations

from nigrani.demo import telling
from nigrani.demo.eyes import Eyes
from nigrani.demo.stage import Stage

SHOWS = "Nigrani itself is cut off: it says so, and blames nobody."

_DARK_S = 480.0  # the second to be dark may have to wait for the group's next message, five minutes after the first


def play(stage: Stage, eyes: Eyes, inject: bool) -> bool:
    """We are cut off ourselves: no false System Down, but a message that we see nothing."""
    calm = telling.settled(stage, eyes)
    telling.break_(stage, inject, "network_cut")
    told = [
        telling.told(stage, f"told: {source} is dark", source, "ark", timeout_s=_DARK_S)
        for source in eyes.source_names()
    ]
    honest = telling.not_told(stage, "System Down") and telling.not_told(stage, "Database Down")
    telling.mend(stage, inject, "network_cut")
    return calm and all(told) and honest
