"""The five ways something can stand on a page, and which word of which room is which.

The word comes first, then the shape, then the colour: a page must read in black and white.
"""

from __future__ import annotations

from typing import Literal, get_args

Look = Literal["ok", "warn", "bad", "unknown", "muted"]

_LOOKS: dict[str, Look] = {
    **dict(zip(get_args(Look), get_args(Look), strict=True)),
    # alerts
    "ok": "ok",
    "pending": "warn",
    "firing": "bad",
    "recovering": "warn",
    "unknown": "unknown",
    # values
    "known": "ok",
    "too_little": "unknown",
    "no_source": "muted",
    # sources and probes
    "fresh": "ok",
    "up": "ok",
    "down": "bad",
    "new": "unknown",
    "stale": "unknown",
    "behind": "warn",
    "refused": "bad",
    # outcomes of one answer
    "fail": "bad",
    "blind": "unknown",
    "absent": "muted",
    # messages and attempts
    "queued": "warn",
    "sending": "warn",
    "sent": "ok",
    "failed": "bad",
    "given_up": "bad",
    "not_sent": "muted",
    "not sent": "muted",
    "throttled": "warn",
    "uncertain": "unknown",
    "unreachable": "bad",
    "unreadable": "bad",
    "being sent": "warn",
    "waiting": "warn",
    "given up": "bad",
    "under way": "warn",
    # receivers
    "broken": "bad",
    "paused": "warn",
    "failing": "bad",
    "not set up": "muted",
    # silences
    "mutes": "muted",
    "coming": "muted",
    "over": "ok",
    # phases of a rule
    "live": "ok",
    "shadow": "muted",
    # versions of the guide; "waiting" and "refused" stand above
    "standing": "ok",
    "superseded": "muted",
    "withdrawn": "muted",
    # rows of the guide
    "run": "ok",
    "kept": "ok",
    "missed": "bad",
    "claimed": "unknown",
    "no source": "muted",
    "not yet": "muted",
    # rows and findings of a survey
    "answered": "ok",
    "answerable": "ok",
    "partly": "warn",
    "hindered": "bad",
    "could not look": "unknown",
    "not built yet": "muted",
    "found": "bad",
    "clear": "ok",
    "waits for a try": "muted",
}

_WORDS = {
    "fail": "Failed",
    "fresh": "Fresh",
    "too_little": "Too little traffic",
    "given_up": "Given up",
    "not_sent": "Not sent",
    "no_source": "No source",
    "shadow": "In shadow",
    "coming": "To come",
}

_SHAPES: dict[Look, str] = {
    "ok": '<circle cx="8" cy="8" r="8" stroke="none"/><path class="cut" d="M4.5 8.2 7 10.7l4.5-5"/>',
    "warn": '<path d="M8 1 16 15H0z" stroke="none"/><path class="cut" d="M8 6v4m0 1.5v2"/>',
    "bad": '<path d="M8 0l8 8-8 8-8-8z" stroke="none"/><path class="cut" d="M8 4v5m0 1.5v2"/>',
    "unknown": '<circle class="open" cx="8" cy="8" r="7" stroke-dasharray="3 2.5"/>'
    '<path class="open" d="M6 6.2c0-2.8 4-2.6 4-.2 0 1.6-2 1.6-2 3.2m0 1.4v1.6"/>',
    "muted": '<circle class="open" cx="8" cy="8" r="7"/><path class="open" d="M4.5 8h7"/>',
}


def look(word: str) -> Look:
    """Return how a room's word for a state looks. A word this file doesn't know is unknown, never ok."""
    return _LOOKS.get(word, "unknown")


def say(word: str) -> str:
    """Return a state's word as a page writes it."""
    return _WORDS.get(word, word.replace("_", " ").capitalize())


def shape(of: Look) -> str:
    """Return the inside of the state's drawing, 16 by 16. It is decoration: the word stands beside it."""
    return _SHAPES[of]
