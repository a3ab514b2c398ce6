"""The only doors through which this room's rows are written."""

from __future__ import annotations

from .dispatching import dispatch
from .forgetting import forget_old
from .passes import evaluate
from .phases import demote, promote

__all__ = ["demote", "dispatch", "evaluate", "forget_old", "promote"]
