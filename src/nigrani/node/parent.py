"""A child never outlives its supervisor: the kernel ends it where it can, else a small process in between does.

Run as a module, this is that process in between: `python -m nigrani.node.parent SIGNAL command …`.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
BY_KERNEL = sys.platform.startswith("linux")
_WATCH_S = 1.0

# Loaded here, in the parent: between fork and exec nothing should be looked up.
_prctl: Callable[..., int] | None = ctypes.CDLL(None, use_errno=True).prctl if BY_KERNEL else None


def dying_with(parent: int, word: signal.Signals) -> Callable[[], None]:
    """Return what a new child does before exec, after it dropped its privileges (dropping them would undo it)."""

    def tie() -> None:
        if _prctl is not None:
            _prctl(_PR_SET_PDEATHSIG, int(word), 0, 0, 0)
        if os.getppid() != parent:  # it died between the fork and here, and no signal will come
            os._exit(1)

    return tie


def adopt_orphans() -> None:
    """Become the parent of whatever our children leave behind when they die, where the kernel offers it."""
    if _prctl is not None:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def tethered(argv: Sequence[str], word: signal.Signals) -> list[str]:
    """Return the command that runs `argv` and watches its parent for it."""
    return [sys.executable, "-m", "nigrani.node.parent", word.name, *argv]


def main(arguments: Sequence[str]) -> int:
    """Run a command; pass signals on to it; end it with the given signal when our own parent is gone."""
    word, argv = signal.Signals[arguments[0]], list(arguments[1:])
    parent = os.getppid()
    child = subprocess.Popen(argv)
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(each, lambda number, _frame: child.send_signal(number))
    told = False
    while True:
        try:
            code = child.wait(_WATCH_S)
        except subprocess.TimeoutExpired:
            if not told and os.getppid() != parent:
                child.send_signal(word)
                told = True
            continue
        return code if code >= 0 else 128 - code


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
