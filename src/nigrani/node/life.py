"""The life of one child of the supervisor: from start to start, until it is stopped for good."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from nigrani.lib import clock

from . import logfile, parent, pids
from .child import MOST_SETBACKS, Child, Command, Mistake
from .pulse import Pulse
from .standing import Entry

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
STEADY_S = 60.0  # ready for so long, and the next failure is the first again
ASK_WHILE_STARTING_S, ASK_WHEN_READY_S = 0.2, 10.0

State = Literal["waiting", "starting", "ready", "resting", "stopping", "stopped"]


@dataclass
class Life:
    """A child's present state. One thread only: the supervisor's."""

    child: Child
    log_path: Path
    tether: bool = not parent.BY_KERNEL
    first_pause_s: float = FIRST_PAUSE_S
    state: State = "waiting"
    pid: int | None = None
    mark: str = ""
    started_at: str = ""
    restarts: int = 0
    last_exit: str = ""
    pressed: int = 0  # signals beyond the polite one
    pulse: Pulse = field(default_factory=Pulse)

    _popen: subprocess.Popen[bytes] | None = None
    _command: Command | None = None
    _was_ready: bool = False
    _settled: bool = False
    _failures: int = 0  # in a row, not counting those before it was steady
    _tries: int = 0  # starts since it was last ready
    _rest_until: float = 0.0
    _started_s: float = 0.0
    _ready_s: float = 0.0
    _ask_s: float = 0.0
    _silent_since: float | None = None
    _silences: int = 0
    _lost_at: float | None = None
    _log_start: int = 0

    # --- what the supervisor does to it

    def start(self) -> None:
        """Start the process. What can't be started rests and is tried again."""
        now = clock.monotonic()
        for path in self.child.forget:
            path.unlink(missing_ok=True)
        self._log_start = logfile.size(self.log_path)
        try:
            self._command = self._command or self.child.command()
            self._popen = self._spawn(self._command)
        except (OSError, subprocess.SubprocessError) as error:
            self._lost(f"can't be started: {error}")
            return
        self.pid, self.mark = self._popen.pid, pids.mark(self._popen.pid)
        self.started_at = clock.now().isoformat()
        self.state, self._tries = "starting", self._tries + 1
        self._started_s = self._ask_s = now
        self._silent_since, self._silences = None, 0

    def tick(self) -> None:
        """Ask, hear, judge; start again when it has rested. Raises Mistake from `ended` only."""
        now = clock.monotonic()
        if self.is_rested:
            self.restarts += 1
            self.start()
        elif self.state in ("starting", "ready"):
            self._ask_and_hear(now)
            self._end_if_hung(now)
            if self.state == "ready" and now - self._ready_s >= STEADY_S:
                self._failures = 0

    def ended(self, code: int) -> None:
        """Take note that the process is gone. Raises Mistake when starting it again is useless."""
        said = logfile.words(logfile.said_since(self.log_path, self._log_start))
        self._bury(code)
        if self.state == "stopping":
            self.state = "stopped"
            return
        if not self._was_ready:
            hopeless = code in self.child.setbacks and self._tries >= MOST_SETBACKS
            if code in self.child.mistakes or hopeless:
                self.state = "stopped"
                raise Mistake(self.child.name, code, said)
        self._lost(f"ended with {self.last_exit}", said=said.rpartition("\n")[2])

    def end(self, word: signal.Signals) -> None:
        """Ask the process to stop."""
        self.pulse.drop()
        if self.pid is None:
            self.state = "stopped"
            return
        self.state = "stopping"
        self.kill(word)

    def press(self, word: signal.Signals) -> None:
        """Make a process that was asked to stop hurry."""
        self.pressed += 1
        self.kill(word)

    @property
    def is_rested(self) -> bool:
        """Whether it is about to be started again."""
        return self.state == "resting" and clock.monotonic() >= self._rest_until

    @property
    def is_over(self) -> bool:
        """Whether it was stopped for good."""
        return self.state == "stopped"

    @property
    def is_steady(self) -> bool:
        """Whether nothing about it is expected to change soon."""
        return self.is_over or (self.state == "ready" and self._silent_since is None)

    def entry(self) -> Entry:
        """Return what is written down of it."""
        return Entry(self.pid or 0, self.mark, self.state, self.started_at, self.restarts, self.last_exit)

    def kill(self, word: signal.Signals) -> None:
        """Send a signal: to the process alone, SIGKILL to all of its session's first group."""
        if self.pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            if word == signal.SIGKILL:
                os.killpg(self.pid, word)
            else:
                os.kill(self.pid, word)

    # --- inside

    def _spawn(self, command: Command) -> subprocess.Popen[bytes]:
        argv = parent.tethered(command.argv, self.child.stop) if self.tether else list(command.argv)
        output = logfile.open_for_append(self.log_path)
        try:
            return subprocess.Popen(
                argv,
                cwd=command.cwd,
                env=dict(command.env),
                user=command.user,
                group=command.group,
                extra_groups=[] if command.user is not None else None,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                # One thread: nothing else can hold a lock over this fork.
                preexec_fn=parent.dying_with(os.getpid(), self.child.stop),
            )
        finally:
            os.close(output)

    def _bury(self, code: int) -> None:
        self.pulse.drop()
        self.kill(signal.SIGKILL)  # what it left behind in its group
        if self._popen is not None:
            self._popen.returncode = code
        self.last_exit = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
        self.pid, self.mark, self._popen = None, "", None

    def _lost(self, how: str, *, said: str = "") -> None:
        now = clock.monotonic()
        if self._lost_at is None:
            self._lost_at = now
            log.warning(
                "The process %s %s; it is started again until it works.",
                self.child.name,
                how,
                extra={"action": "node.child_lost", "child": self.child.name, "said": said[-400:]},
            )
        pause_s = min(self.first_pause_s * 2.0 ** min(self._failures, 16), LONGEST_PAUSE_S)
        self.state, self._rest_until, self._failures = "resting", now + pause_s, self._failures + 1

    def _ask_and_hear(self, now: float) -> None:
        word = self.pulse.hear(now_s=now)
        if word is None and self.pulse.waiting is None and now >= self._ask_s:
            target = self.child.target()
            word = "silent" if target is None else self.pulse.ask(target, now_s=now)
            self._ask_s = now + (ASK_WHEN_READY_S if self.state == "ready" else ASK_WHILE_STARTING_S)
            if word is None:
                word = self.pulse.hear(now_s=now)
        if word is None:
            return
        if word == "silent":
            self._silent_since = now if self._silent_since is None else self._silent_since
            self._silences += 1
            return
        self._silent_since, self._silences = None, 0
        if word == "ready" and self.state == "starting" and self._settle():
            self._now_ready(now)

    def _settle(self) -> bool:
        self._settled = self._settled or self.child.settle()
        return self._settled

    def _now_ready(self, now: float) -> None:
        self.state, self._was_ready, self._ready_s = "ready", True, now
        self._ask_s = now + ASK_WHEN_READY_S
        tries, self._tries = self._tries, 0
        if self._lost_at is None:
            log.info(
                "The process %s is ready.",
                self.child.name,
                extra={"action": "node.started", "child": self.child.name, "took_s": round(now - self._started_s, 1)},
            )
            return
        log.warning(
            "The process %s works again.",
            self.child.name,
            extra={
                "action": "node.restarted",
                "child": self.child.name,
                "tries": tries,
                "away_s": round(now - self._lost_at, 1),
                "because": self.last_exit,
            },
        )
        self._lost_at = None

    def _end_if_hung(self, now: float) -> None:
        limit = self.child.hung_after_s if self.state == "ready" else self.child.start_within_s
        # Three questions at least: a machine that slept through the two minutes is no hung child.
        if limit is None or self._silent_since is None or self._silences < 3 or now - self._silent_since < limit:
            return
        log.warning(
            "The process %s does not answer for %.0f s and is killed.",
            self.child.name,
            limit,
            extra={"action": "node.child_hung", "child": self.child.name},
        )
        self._silent_since = None
        self.kill(signal.SIGKILL)
