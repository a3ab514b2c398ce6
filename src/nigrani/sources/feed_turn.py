"""One turn of one feed: read what is new, a page at a time, keep it, move the cursor; now and then look aside."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from nigrani import guide as guides
from nigrani import integrations
from nigrani.integrations import PollJob, PollRow
from nigrani.lib import clock
from nigrani.lib.errors import Refused, SourceError, Throttled, Unreachable
from nigrani.lib.units import show_duration
from nigrani.telemetry import journal, pseudonyms
from nigrani.telemetry.journal import Full

from . import feed_facts, feed_state, sweeping
from .feed_state import Place, Start
from .models import Feed, Gap
from .state import next_at

log = logging.getLogger(__name__)

PAGES = 20  # in one turn; what waits then is read in the next, which is due at once
BUDGET_S = 15.0
_KINDS = ((Throttled, "throttled"), (Refused, "refused"), (Unreachable, "unreachable"), (Full, "journal"))
_LONGEST_ERROR = 500
_SEEN_MAX = 200_000

# What this process read within the overlap, so that it isn't kept again each turn. It saves work and decides nothing:
# a process without it keeps the same facts once more, under the same ids.
_seen: dict[int, dict[str, datetime]] = {}


def forget() -> None:
    """Forget what this process remembers, as one that has just begun."""
    _seen.clear()


class LeaseLost(Exception):
    """Another worker has the feed by now; whatever we would write is too late."""


@dataclass
class Turn:
    """A claimed feed and what the guide says of it."""

    row: Feed
    source: guides.Source
    feed: guides.Feed
    now: datetime
    place: Place = field(init=False)
    taken: int = 0
    ms: float = 0.0
    counted: int = 0

    def __post_init__(self) -> None:
        self.place = Place(self.row.cursor, self.row.cursor_id, self.row.read_to, self.row.is_caught_up)

    @property
    def name(self) -> str:
        """Whose feed it is: database/audit."""
        return f"{self.source.name}/{self.feed.name}"

    def run(self) -> None:
        """Read, keep, move. What fails is kept on the row and told once; the cursor stays where it was."""
        try:
            self._read()
        except LeaseLost:
            log.info("%s is read by another worker.", self.name, extra={"action": "feed.lease_lost"})
        except (SourceError, Full) as error:
            self._failed(error)
        except Exception as error:
            log.exception("Reading %s broke down.", self.name, extra={"action": "feed.broke", "feed": self.name})
            self._failed(error)

    def _read(self) -> None:
        was_caught_up = self.place.is_caught_up
        start = feed_state.begin(self.place, overlap=self.feed.overlap, first=self.feed.first, now=self.now)
        self._note_gap()
        is_last = self._pages(start)
        self.place = feed_state.caught_up(self.place, now=self.now) if is_last else feed_state.behind(self.place)
        self._forget(start.after)
        if is_last:
            self._returned()
            self._look_aside(was_caught_up=was_caught_up)
        self._save(
            next_at=next_at(self._planned, self.feed.every, now=self.now) if is_last else self.now,
            leased_until=None,
            last_ok_at=self.now,
            last_rows=self.counted,
            last_ms=self.ms,
            failing_since=None,
            error="",
            error_kind="",
        )
        if self.row.error_kind:
            log.info("%s is read again.", self.name, extra={"action": "feed.returned", "feed": self.name})

    def _pages(self, start: Start) -> bool:
        """Read from `start` on, page by page. Returns whether no more rows wait."""
        job = replace(self.job, after=start.after, after_id=start.after_id)
        until = clock.monotonic() + BUDGET_S
        for _ in range(PAGES):
            page = integrations.find(self.source.kind).poller.poll(job)
            self.ms += page.ms
            self._keep(page.rows)
            if page.is_last:
                return True
            job = feed_state.following(job, page.rows)
            self._save()
            if clock.monotonic() >= until:
                break
        return False

    def _keep(self, rows: Sequence[PollRow]) -> None:
        """Put into the journal what is new; then, and only then, move the cursor."""
        known, cursor = _seen.get(self.row.pk), self.place.cursor
        once = {_mark(row): row for row in rows}
        new = [row for mark, row in once.items() if known is None or mark not in known]
        taken = feed_facts.take(self.source.name, self.feed, new, scrubber=pseudonyms.current())
        journal.append(self.feed.to, taken.facts)
        # A process that has just begun does not know what it read before; what lies before the cursor was counted then.
        counted = [
            row for row in new if known is not None or cursor is None or (row.at is not None and row.at > cursor)
        ]
        rejected = Counter(reason for row in counted if (reason := feed_facts.rejection(row)))
        self.counted += len(counted) - rejected.total()
        self.row.rows += len(counted) - rejected.total()
        self._reject(rejected)
        for row in rows:
            if row.at is not None:
                self.place = feed_state.past(self.place, row.at, row.id or "", now=self.now)
        _seen.setdefault(self.row.pk, {}).update({_mark(row): row.at for row in rows if row.at is not None})

    def _reject(self, rejected: Counter[str]) -> None:
        if not rejected:
            return
        for reason, number in rejected.items():
            self.row.rejected[reason] = int(self.row.rejected.get(reason, 0)) + number
        said = "; ".join(f"{number} because {reason}" for reason, number in rejected.items())
        log.warning("Rows of %s were rejected: %s.", self.name, said, extra={"action": "feed.rejected"})

    def _forget(self, before: datetime) -> None:
        known = _seen.get(self.row.pk, {})
        if len(known) > _SEEN_MAX:
            _seen.pop(self.row.pk, None)
        else:
            _seen[self.row.pk] = {row: at for row, at in known.items() if at >= before}

    def _note_gap(self) -> None:
        """Note that the feed was not read for a while, and whether rows of that while are gone for good."""
        borne = max(self.source.stale_after, 3 * self.feed.every, timedelta(minutes=1))
        start = feed_state.gap(self.place, borne=borne, now=self.now)
        if start is None:
            return
        self.place = feed_state.behind(self.place)
        if Gap.objects.filter(feed=self.row, start=start).update(end=self.now):
            return
        oldest = integrations.find(self.source.kind).poller.oldest(self.job)
        lost_to = feed_state.lost(self.place, oldest, start=start, end=self.now)
        because = self.row.error or "Nigrani did not read it."
        Gap.objects.create(feed=self.row, start=start, end=self.now, lost_to=lost_to, because=because)
        said = show_duration(self.now - start)
        log.warning(
            "%s was not read for %s%s.", self.name, said, ", and rows of it are gone" if lost_to else "",
            extra={"action": "feed.gap", "feed": self.name},
        )  # fmt: skip

    def _returned(self) -> None:
        Gap.objects.filter(feed=self.row, filled_at=None).update(filled_at=self.now)

    def _look_aside(self, *, was_caught_up: bool) -> None:
        """Now and then: count what lies in the future or nowhere, and take in what came too late for the overlap."""
        if self.row.swept_at is not None and timedelta() <= self.now - self.row.swept_at < sweeping.EVERY:
            return
        before = feed_state.settled(self.place, overlap=self.feed.overlap)
        try:
            self.row.ahead, self.row.timeless = sweeping.aside(self.source, self.job)
            if was_caught_up and before is not None:  # what has just been caught up with is on its way to telemetry
                begun = self.row.since - self.feed.first
                late = sweeping.late(self.source, self.feed, self.job, before=before, begun=begun, now=self.now)
                self._take_late(late)
        except SourceError as error:
            log.info("%s could not be looked through: %s", self.name, error, extra={"action": "feed.sweep_failed"})
        self.row.swept_at = self.now

    def _take_late(self, late: feed_facts.Taken) -> None:
        if not late.facts:
            return
        journal.append(self.feed.to, late.facts)
        self.row.late += len(late.facts)
        self.row.rows += len(late.facts)
        self.counted += len(late.facts)
        self.row.late_by = max(self.row.late_by, self.now - min(at for at, _ in late.places))
        log.warning(
            "%d rows of %s came later than %s; they are taken in.",
            len(late.facts), self.name, show_duration(self.feed.overlap), extra={"action": "feed.late"},
        )  # fmt: skip

    @property
    def job(self) -> PollJob:
        """The question, without a place."""
        return PollJob(
            source=self.source.name,
            feed=self.feed.name,
            source_config=self.source.config,
            sql=self.feed.sql,
            watermark=self.feed.watermark,
            id=self.feed.id,
            zone=self.feed.zone,
            timeout=self.feed.timeout,
            after=self.now,
            until=self.now + feed_state.AHEAD,
            limit=self.feed.page,
        )

    @property
    def _planned(self) -> datetime:
        return self.row.next_at or self.now

    def _failed(self, error: Exception) -> None:
        kind = next((word for cls, word in _KINDS if isinstance(error, cls)), "unreadable")
        not_before = error.retry_at if isinstance(error, Throttled) else None
        said = str(error) if isinstance(error, SourceError | Full) else "The reading broke down. See the log."
        try:
            self._save(
                next_at=next_at(self._planned, self.feed.every, now=self.now, not_before=not_before),
                leased_until=None,
                failing_since=self.row.failing_since or self.now,
                error=said[:_LONGEST_ERROR],
                error_kind=kind,
            )
        except LeaseLost:
            return
        if self.row.error_kind != kind:
            extra = {"action": "feed.lost", "feed": self.name}
            log.warning("%s can't be read: %s", self.name, said[:_LONGEST_ERROR], extra=extra)

    def _save(self, **also: object) -> None:
        """Write where the feed stands. Raises LeaseLost when it is no longer ours."""
        values: Mapping[str, object] = {
            "cursor": self.place.cursor,
            "cursor_id": self.place.cursor_id,
            "read_to": self.place.read_to,
            "is_caught_up": self.place.is_caught_up,
            **{name: getattr(self.row, name) for name in _COUNTERS},
            **also,
        }
        if not Feed.objects.filter(pk=self.row.pk, leased_until=self.row.leased_until).update(**values):
            raise LeaseLost


_COUNTERS = ("rows", "late", "late_by", "rejected", "ahead", "timeless", "swept_at")


def _mark(row: PollRow) -> str:
    """Return what a row is remembered by: its id; one without an id, by all that it says."""
    return f"id {row.id}" if row.id else f"row {hash(str(sorted(row.values.items(), key=lambda pair: pair[0])))}"
