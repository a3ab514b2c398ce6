"""The only doors through which this room's rows are written."""

from __future__ import annotations

from .dispatching import dispatch
from .passes import evaluate
from .phases import demote, promote

__all__ = ["demote", "dispatch", "evaluate", "promote"]
