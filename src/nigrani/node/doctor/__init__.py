"""Everything a support engineer would ask first, asked at once: `nigrani doctor`.

Each question is asked apart and within its time, so that whatever is broken, the others are answered. It changes
nothing and starts nothing.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from nigrani import __version__
from nigrani.lib import clock
from nigrani.lib.errors import NigraniError, Unreachable
from nigrani.lib.home import Home

from . import machine, stores, working
from .told import Check, Report, Verdict, worst

__all__ = ["Check", "Report", "Verdict", "report", "text"]

log = logging.getLogger(__name__)

Question = Callable[[Home, datetime], Iterable[Check]]
QUESTIONS: Sequence[tuple[str, Question, float]] = (
    ("version", machine.version, 2),
    ("home", machine.home, 2),
    ("disk", machine.disk, 2),
    ("permissions", machine.permissions, 2),
    ("processes", machine.processes, 2),
    ("postgres", stores.postgres, 5),
    ("migrations", stores.migrations, 5),
    ("telemetry", stores.telemetry, 5),
    ("journal", stores.journal, 5),
    ("outbox", stores.outbox, 5),
    ("loops", working.loops, 5),
    ("guide", working.guide, 10),  # its own work, nobody is waited for
    ("versions", stores.versions, 5),
    ("reference", working.reference, 10),
    ("dead-man", working.dead_man, 5),
)


def report(home: Home) -> Report:
    """Ask everything, side by side, and return the answers in order. Raises nothing."""
    logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL)  # what it would say is told below
    now = clock.now()
    broken = _set_up(home)
    asked = [(name, _Asked(name, question, home, now), patience_s) for name, question, patience_s in QUESTIONS]
    began = clock.monotonic()
    checks = [broken] if broken else []
    for _, each, patience_s in asked:
        checks += each.answer(began + patience_s - clock.monotonic())
    return Report(__version__, now, worst(check.verdict for check in checks), tuple(checks))


def text(report: Report) -> str:
    """Return the report for a person: one line a check, its hint below when something is to be done."""
    width = max(len(check.name) for check in report.checks)
    lines = []
    for check in report.checks:
        lines.append(f"{check.verdict:<7} {check.name:<{width}}  {check.what}")
        if check.hint and check.verdict != "ok":
            lines.append(f"{'':<7} {'':<{width}}  → {check.hint}")
    counts = [
        f"{sum(check.verdict == word for check in report.checks)} {word}" for word in ("ok", "warn", "bad", "unknown")
    ]
    return "\n".join([*lines, "", f"Nigrani {report.version}: {', '.join(counts)}."])


class _Asked:
    """One question, being answered in a thread that nobody has to wait for."""

    def __init__(self, name: str, question: Question, home: Home, now: datetime) -> None:
        self._name, self._question, self._home, self._now = name, question, home, now
        self._checks: list[Check] | None = None
        self._thread = threading.Thread(target=self._ask, name=f"doctor {name}", daemon=True)
        self._thread.start()

    def answer(self, patience_s: float) -> list[Check]:
        self._thread.join(max(0.0, patience_s))
        if self._checks is None:
            return [Check(self._name, "unknown", "There was no answer in time.")]
        return self._checks

    def _ask(self) -> None:
        try:
            self._checks = list(self._question(self._home, self._now))
        except Unreachable as error:  # its hint is the driver's
            self._checks = [Check(self._name, "unknown", error.message, "Is Nigrani up?")]
        except NigraniError as error:
            self._checks = [Check(self._name, "unknown", error.message, error.hint)]
        except Exception as error:
            # Whatever is broken, the other questions must be answered. The message may quote an address: left out.
            log.debug("The question %s failed.", self._name, exc_info=True, extra={"action": "doctor.failed"})
            self._checks = [Check(self._name, "unknown", f"It could not be found out: {type(error).__name__}.")]


def _set_up(home: Home) -> Check | None:
    """Make models and settings importable, before the questions' time runs. Returns what is wrong, if anything is."""
    os.environ.setdefault("NIGRANI_HOME", str(home.path))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nigrani.settings")
    try:
        import django

        django.setup()
        from nigrani import schedule  # noqa: F401 - loads every room
    except NigraniError as error:
        return Check("settings", "bad", error.message, error.hint)
    except Exception as error:
        # A broken installation is a finding, and the rest can still be told.
        return Check("settings", "bad", f"The rooms can't be loaded: {type(error).__name__}: {error}.")
    return None
