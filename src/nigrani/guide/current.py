"""The guide that runs in this process. Whoever loads one sets it; pages, the API and the loops read it."""

from __future__ import annotations

from nigrani.lib.errors import NigraniError

from .model import Guide

_current: Guide | None = None


def set(guide: Guide) -> None:
    """Let `guide` be the one that runs from now on. Who holds the earlier one finishes with it."""
    global _current
    _current = guide


def get() -> Guide:
    """Return the guide that runs. Raises NigraniError before the first one is set."""
    if _current is None:
        raise NigraniError("No guide is loaded in this process.", "Start with: nigrani up")
    return _current
