"""Wait for something that will be true soon, without sleeping longer than needed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Seen = TypeVar("Seen")

# Waiting longer costs only a test that fails; a machine that others use too is often four times as slow.
PATIENCE = 4


def eventually(check: Callable[[], Seen], *, timeout_s: float = 10) -> Seen:
    """Call `check` until what it returns is true, and return it; fail with the last value or error otherwise."""
    until, pause = time.monotonic() + PATIENCE * timeout_s, threading.Event()
    while True:
        last: object
        try:
            seen = check()
            if seen:
                return seen
            last = seen
        except Exception as error:
            last = error
        if time.monotonic() > until:
            raise AssertionError(f"not within {PATIENCE * timeout_s} s; last seen: {last!r}")
        pause.wait(0.05)


@contextmanager
def ends_within(limit_s: float) -> Iterator[None]:
    """Fail what took many times its limit: it waited for something else than its own deadline."""
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    assert took < PATIENCE * limit_s, f"took {took:.1f} s"
