"""`nigrani up`: start the processes of a home in order, restart each alone, stop all cleanly.

One thread and no work of its own, so that it stays small and nothing it does can hang: it asks each child whether it
lives, waits for signals, and writes down what runs. Whatever kills it ends its children too (parent.py).
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import resource
import select
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType

from nigrani.lib import clock
from nigrani.lib import log as our_log
from nigrani.lib.errors import NigraniError
from nigrani.lib.home import Home

from . import children, leftovers, logfile, parent, pids, standing
from .child import Child, Mistake
from .life import Life
from .notify import Notify

log = logging.getLogger(__name__)

_STOP_WORDS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_AFTER_RUDE_S = 1.5
_LOGS_EVERY_S = 10.0
_ROOM_BYTES = 1 << 20


def run(home: Home, *, environ: Mapping[str, str], ready: Callable[[str], None] = lambda address: None) -> int:
    """Run everything until a signal says stop; returns the exit code and says why on standard error.

    ready: called once with the console's address when all processes work. 0: stopped as asked; 2: a mistake to mend,
    told in the child's own words; 3: something we depend on (another Nigrani on this home, a full disk).
    """
    before = os.umask(0o077)
    try:
        our_log.set_up()
        with _ready_home(home), standing.held(home), _own_log(home):
            return Supervisor(home, children.of(home, environ), environ=environ, ready=ready).run()
    except Mistake as mistake:
        sys.stderr.write(f"{mistake}\n")
        return 2 if mistake.code == 2 else 3
    except NigraniError as error:
        sys.stderr.write(f"{error}\n")
        return 3
    finally:
        os.umask(before)


class Supervisor:
    """Runs a list of children, each started when those before it are ready."""

    def __init__(
        self,
        home: Home,
        specs: Sequence[Child],
        *,
        environ: Mapping[str, str],
        ready: Callable[[str], None] = lambda address: None,
        tether: bool = not parent.BY_KERNEL,
    ) -> None:
        self._home, self._environ, self._ready = home, environ, ready
        self.lives = [Life(spec, home.log / f"{spec.name}.log", tether=tether) for spec in specs]
        self._notify = Notify(environ)
        self._asked_to_stop = 0  # how often
        self._stop_until: float | None = None
        self._mistake: NigraniError | None = None
        self._all_ready = False
        self._written: standing.Standing | None = None
        self._told_unwritten = False
        self._logs_turned_s = 0.0
        self._began = standing.Entry(os.getpid(), pids.mark(os.getpid()), "running", clock.now().isoformat())

    def run(self) -> int:
        """Return 0 when stopped as asked. Raises Mistake when a child can't start for a reason to mend."""
        parent.adopt_orphans()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold secrets
        wake, poke = socket.socketpair()
        with wake, poke, self._signals(poke):
            wake.setblocking(False)
            leftovers.clear(self._home, stopping=lambda: bool(self._asked_to_stop))
            try:
                while not self._turn():
                    self._wait(wake)
            finally:
                self._end_all_now()
        if self._mistake is not None:
            raise self._mistake
        log.info("Everything is stopped.", extra={"action": "node.stopped"})
        return 0

    # --- one turn

    def _turn(self) -> bool:
        """Do what is due; whether everything is over."""
        self._reap()
        if self._asked_to_stop:
            done = self._stop_one()
        else:
            done = False
            self._live()
        now = clock.monotonic()
        if now - self._logs_turned_s >= _LOGS_EVERY_S:
            self._logs_turned_s = now
            self._turn_logs()
        self._write()
        if not self._all_ready:
            self._notify.starting(now_s=now)
        self._notify.alive(now_s=now)
        return done

    def _live(self) -> None:
        try:
            for life in self.lives:
                if life.is_rested:
                    self._end_orphans()
                life.tick()
            waiting = next((life for life in self.lives if life.state == "waiting"), None)
            earlier_ready = all(life.state in ("ready", "waiting") for life in self.lives)
            if waiting is not None and earlier_ready:
                waiting.start()
        except NigraniError as error:  # of a child's command or settling: a person must mend it
            self._give_up(error)
        if not self._all_ready and all(life.state == "ready" for life in self.lives):
            self._all_ready = True
            self._notify.tell("READY=1")
            address = children.listen_address(self._home, self._environ)
            log.info("Everything runs.", extra={"action": "node.ready", "address": address})
            self._ready("http://{}:{}".format(*address) if address else "")

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            life = next((life for life in self.lives if life.pid == pid), None)
            if life is not None:
                try:
                    life.ended(os.waitstatus_to_exitcode(status))
                except Mistake as mistake:
                    self._give_up(mistake)

    def _give_up(self, error: NigraniError) -> None:
        if self._mistake is None:
            self._mistake = error
        self._asked_to_stop = max(1, self._asked_to_stop)

    def _stop_one(self) -> bool:
        """Stop the last child that still runs, then the one before it; whether none is left.

        Asked twice, nobody is waited for: all get their rude signal; asked three times, SIGKILL.
        """
        now = clock.monotonic()
        if self._stop_until is None:
            self._notify.tell("STOPPING=1")
            log.info("Stopping.", extra={"action": "node.stopping"})
            self._stop_until = 0.0
        for life in reversed(self.lives):
            if life.is_over:
                continue
            if life.state != "stopping":
                life.end(life.child.stop)
                self._stop_until = now + life.child.stop_within_s
            elif now >= self._stop_until or self._asked_to_stop > life.pressed + 1:
                life.press(signal.SIGKILL if life.pressed else life.child.rude)
                self._stop_until = now + _AFTER_RUDE_S
            if not life.is_over and self._asked_to_stop == 1:
                return False
        return all(life.is_over for life in self.lives)

    def _end_all_now(self) -> None:
        """Leave nothing behind, also when an error of ours ends the loop."""
        for life in self.lives:
            life.kill(signal.SIGKILL)
        self._end_orphans()

    def _end_orphans(self) -> None:
        """Kill what a dead child left behind: by adoption it is ours, and nobody needs it."""
        ours = {life.pid for life in self.lives}
        for pid in pids.children(os.getpid()):
            if pid not in ours:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)

    # --- outside

    def _wait(self, wake: socket.socket) -> None:
        answers = [life.pulse.waiting for life in self.lives if life.pulse.waiting is not None]
        steady = all(life.is_steady for life in self.lives)
        heard, _, _ = select.select([wake, *answers], [], [], 1.0 if steady else 0.1)
        if wake in heard:
            with contextlib.suppress(BlockingIOError):
                wake.recv(4096)

    @contextlib.contextmanager
    def _signals(self, poke: socket.socket) -> Iterator[None]:
        def stop(number: int, _frame: FrameType | None) -> None:
            self._asked_to_stop += 1

        poke.setblocking(False)
        kept_fd = signal.set_wakeup_fd(poke.fileno(), warn_on_full_buffer=False)
        # Whoever started us with a signal ignored (nohup) means it.
        words = [word for word in _STOP_WORDS if signal.getsignal(word) != signal.SIG_IGN]
        kept = {word: signal.signal(word, stop) for word in words}
        kept[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda number, frame: None)
        try:
            yield
        finally:
            for word, action in kept.items():
                signal.signal(word, action)
            signal.set_wakeup_fd(kept_fd)

    def _turn_logs(self) -> None:
        for path in (*(life.log_path for life in self.lives), self._home.log / "node.log"):
            with contextlib.suppress(OSError):
                logfile.turn(path)

    def _write(self) -> None:
        entries = {life.child.name: life.entry() for life in self.lives if life.pid is not None or life.last_exit}
        told = standing.Standing(self._began, entries)
        if told == self._written:
            return
        try:
            standing.write(self._home, told)
        except OSError as error:
            if not self._told_unwritten:
                self._told_unwritten = True
                log.warning(
                    "What runs can't be written down: %s.",
                    error.strerror,
                    extra={"action": "node.standing_unwritten"},
                )
            return
        self._written, self._told_unwritten = told, False


@contextlib.contextmanager
def _ready_home(home: Home) -> Iterator[None]:
    """Make the home and see that it can be written to. Raises NigraniError in plain words."""
    try:
        home.ensure()
        probe = home.run / ".room"
        with probe.open("wb") as out:
            out.write(bytes(_ROOM_BYTES))
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        with contextlib.suppress(OSError):
            (home.run / ".room").unlink(missing_ok=True)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NigraniError(f"The disk of {home.path} is full.", "Free some space, then start again.") from error
        raise NigraniError(
            f"The home {home.path} can't be used: {error.strerror}.", "Set NIGRANI_HOME to a folder of your own."
        ) from error
    probe.unlink(missing_ok=True)  # another start on this home may have cleared it away
    yield


@contextlib.contextmanager
def _own_log(home: Home) -> Iterator[None]:
    """Keep what the supervisor says in log/node.log too."""
    with open(
        logfile.open_for_append(home.log / "node.log"), "w", buffering=1, encoding="utf-8", errors="backslashreplace"
    ) as out:
        kept = logging.StreamHandler(out)
        kept.setFormatter(our_log.JsonLines())
        logging.getLogger().addHandler(kept)
        try:
            yield
        finally:
            logging.getLogger().removeHandler(kept)


if __name__ == "__main__":
    raise SystemExit(run(Home.from_environment(), environ=os.environ))
