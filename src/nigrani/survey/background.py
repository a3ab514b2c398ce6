"""Surveys beside the loops: one takes seconds or, with a system away, minutes, and no loop may be late for it."""

from __future__ import annotations

import logging
import threading
from datetime import datetime

from django.db import connection

from nigrani.guide.model import Guide

from . import actions
from .models import Survey

log = logging.getLogger(__name__)


class Background:
    """Carries out surveys that are due, one at a time, in a thread of its own.

    The thread ends with the process; another worker then takes the survey when its lease has run out.
    """

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    def turn(self, guide: Guide, *, now: datetime) -> int:
        """Begin a survey that is due, if none is under way here. Returns how many were begun: 0 or 1."""
        if self._thread is not None and self._thread.is_alive():
            return 0
        row = actions.take(guide, now=now)
        if row is None:
            return 0
        self._thread = threading.Thread(target=_carry_out, args=(row, guide), name="surveying", daemon=True)
        self._thread.start()
        return 1

    def wait(self, timeout_s: float) -> bool:
        """Wait for the survey that is under way; returns whether none is any more."""
        if self._thread is not None:
            self._thread.join(timeout_s)
            return not self._thread.is_alive()
        return True


def _carry_out(row: Survey, guide: Guide) -> None:
    try:
        actions.carry_out(row, guide)
    except Exception:
        log.exception("A survey failed.", extra={"action": "survey.failed", "survey": row.pk})
    finally:
        connection.close()
