"""Is it us? When a system can't be reached, ask addresses elsewhere: if none of them answers, we are cut off."""

from __future__ import annotations

import threading
from datetime import timedelta

from nigrani import integrations
from nigrani.integrations import Answer, ProbeJob
from nigrani.lib import clock
from nigrani.lib.errors import Throttled

from .state import NETWORK

_TIMEOUT = timedelta(seconds=3)
_KEPT_S = 3.0  # how long one verdict serves; shorter than a re-ask, so that each confirmation is judged anew


class Gate:
    """Asks the reference addresses, at most one round at a time, and keeps the verdict a few seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: tuple[str, ...] = ()
        self._at = float("-inf")
        self._cut_off = False

    def is_cut_off(self, reference: tuple[str, ...]) -> bool:
        """Whether none of the addresses answers anything. Without addresses we can't know, and say no."""
        if not reference:
            return False
        with self._lock:
            if self._asked != reference or clock.monotonic() - self._at > _KEPT_S:
                self._cut_off = not any_answers(reference)
                self._asked, self._at = reference, clock.monotonic()
            return self._cut_off


def any_answers(reference: tuple[str, ...]) -> bool:
    """Ask every address at once; anything that a network failure does not explain proves the way out."""
    web = integrations.find("web")
    config, question = web.config("SourceConfig"), web.config("ProbeConfig")
    jobs = [
        ProbeJob("reference", address, config(base=address), question(method="HEAD", certificate=False), _TIMEOUT)
        for address in reference
    ]
    for _, answer in web.prober.probe(jobs):
        # A wrong status or a stale certificate proves the way out as well, and so does being told to ask less often.
        if isinstance(answer, Throttled) or (isinstance(answer, Answer) and answer.failure not in NETWORK):
            return True
    return False
