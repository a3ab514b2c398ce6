"""Ask sites over HTTP, all side by side in one thread, by curl's multi interface and the kernel's epoll."""

from __future__ import annotations

import logging
import select
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import timedelta

import pycurl

from nigrani.integrations import Answer, ProbeJob
from nigrani.lib import clock
from nigrani.lib.errors import Refused, SourceError

from . import verdict
from .call import Call, load

log = logging.getLogger(__name__)

_SIDE_BY_SIDE = 500  # calls under way at once; each holds a socket or two
Found = tuple[ProbeJob, Answer | SourceError]


def probe(jobs: Sequence[ProbeJob]) -> Iterator[Found]:
    """Ask every question side by side; yield each answer as it comes. A job's time begins when its call does."""
    waiting = deque(jobs)
    with _Multi() as multi:
        while waiting or multi.calls:
            while waiting and len(multi.calls) < _SIDE_BY_SIDE:
                job = waiting.popleft()
                if (wrong := multi.begin(job)) is not None:
                    yield job, wrong
            if multi.calls:
                yield from multi.turn()


class _Multi:
    """The calls under way, and the sockets and the timer that curl wants watched for them."""

    def __init__(self) -> None:
        self.calls: dict[pycurl.Curl, Call] = {}
        self._idle: list[pycurl.Curl] = []
        self._epoll = select.epoll()
        self._watched: set[int] = set()
        self._due: float | None = None
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)

    def __enter__(self) -> _Multi:
        return self

    def __exit__(self, *_: object) -> None:
        for curl in self.calls:
            self._multi.remove_handle(curl)
            curl.close()
        for curl in self._idle:
            curl.close()
        self._multi.close()
        self._epoll.close()

    def begin(self, job: ProbeJob) -> SourceError | None:
        """Start a job's call, or say why it can't be made."""
        began = clock.monotonic()
        call = Call(job, began, began + job.timeout.total_seconds())
        return self._start(self._idle.pop() if self._idle else pycurl.Curl(), call)

    def turn(self) -> Iterator[Found]:
        """Wait until something happens, and yield what ended."""
        for fileno, events in self._epoll.poll(self._patience()):
            happened = 0
            if events & (select.EPOLLIN | select.EPOLLHUP):
                happened |= pycurl.CSELECT_IN
            if events & select.EPOLLOUT:
                happened |= pycurl.CSELECT_OUT
            if events & select.EPOLLERR:
                happened |= pycurl.CSELECT_ERR
            self._multi.socket_action(fileno, happened)
        if self._due is not None and clock.monotonic() >= self._due:
            self._due = None
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        more = True
        while more:
            left, good, bad = self._multi.info_read()
            more = left > 0
            for curl in good:
                yield from self._ended(curl, None)
            for curl, code, _ in bad:
                yield from self._ended(curl, code)

    def _start(self, curl: pycurl.Curl, call: Call) -> SourceError | None:
        try:
            load(curl, call, left=timedelta(seconds=call.until - clock.monotonic()))
            self._multi.add_handle(curl)
        except (pycurl.error, ValueError) as error:
            curl.close()
            reason = error if isinstance(error, ValueError) else "the address or a header can't be sent"
            return Refused(f"The probe can't be made: {reason}.", "Mend the source or the probe in the guide.")
        self.calls[curl] = call
        return None

    def _ended(self, curl: pycurl.Curl, code: int | None) -> Iterator[Found]:
        call = self.calls.pop(curl)
        self._multi.remove_handle(curl)
        answer = self._verdict(curl, call, code)
        curl.reset()
        if answer is None:
            answer = self._start(curl, call)
        else:
            self._idle.append(curl)
        if answer is not None:
            yield call.job, answer

    def _verdict(self, curl: pycurl.Curl, call: Call, code: int | None) -> Answer | SourceError | None:
        """Return the verdict, or None when a redirect is to be followed."""
        if code is not None:
            return verdict.failed(curl, call, code)
        status, redirected = curl.getinfo(pycurl.RESPONSE_CODE), ""
        location = curl.getinfo(pycurl.REDIRECT_URL)
        if location and status not in call.config.expect.status:
            before = verdict.durations(curl, call)
            redirected = call.next_step(status, location)
            if not redirected:
                call.before_ms = before
                return None
        return verdict.ended(curl, call, redirected=redirected, now=clock.now())

    def _watch(self, what: int, fileno: int, _multi: object, _data: object) -> None:
        if what == pycurl.POLL_REMOVE:
            if fileno in self._watched:
                self._watched.discard(fileno)
                try:
                    self._epoll.unregister(fileno)
                except OSError:
                    log.debug("curl closed a socket first.", extra={"action": "probe.socket_closed"})
            return
        events = 0
        if what in (pycurl.POLL_IN, pycurl.POLL_INOUT):
            events |= select.EPOLLIN
        if what in (pycurl.POLL_OUT, pycurl.POLL_INOUT):
            events |= select.EPOLLOUT
        if fileno in self._watched:
            self._epoll.modify(fileno, events)
        else:
            self._epoll.register(fileno, events)
            self._watched.add(fileno)

    def _set_timer(self, after_ms: int) -> None:
        self._due = None if after_ms < 0 else clock.monotonic() + after_ms / 1000

    def _patience(self) -> float:
        if self._due is None:
            return 1.0
        return min(1.0, max(0.0, self._due - clock.monotonic()))
