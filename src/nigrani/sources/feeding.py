"""Read the feeds that are due, each in a thread of its own, so that a database that hangs holds up nobody.

The order is what makes a crash harmless: a page is read, its facts are in the journal, and only then does the cursor
move. A worker that dies in between leaves the cursor where it was; the page is read again and its facts are the same.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import close_old_connections, connection
from django.db.models import F, Q

from nigrani.guide import Feed as Declared
from nigrani.guide import Guide
from nigrani.lib import due

from .feed_turn import Turn
from .models import Feed, Source

log = logging.getLogger(__name__)

_AT_ONCE = 8
_LEASE = timedelta(minutes=2)  # beside six timeouts: a turn's pages, and what is looked for aside

_settled = threading.Condition()
_under_way: set[int] = set()


def sync(guide: Guide, ids: Mapping[str, int], *, now: datetime) -> None:
    """Make rows follow the guide, within the caller's transaction. ids: of the sources, by name."""
    wanted: dict[tuple[int, str], Declared] = {}
    for source in guide.sources.values():
        for feed in source.feeds.values() if source.is_set_up else ():
            wanted[ids[source.name], feed.name] = feed
    present = {(row.source_id, row.feed): row for row in Feed.objects.select_for_update().order_by("pk")}
    named = {(ids[source.name], name) for source in guide.sources.values() for name in source.feeds}
    Feed.objects.bulk_create(
        [
            Feed(source_id=key[0], feed=key[1], every=feed.every, since=now, next_at=now)
            for key, feed in wanted.items()
            if key not in present
        ],
        ignore_conflicts=True,
    )
    for key, row in present.items():
        if key in wanted:
            if row.gone_at is not None or row.next_at is None or row.every != wanted[key].every:
                Feed.objects.filter(pk=row.pk).update(gone_at=None, next_at=now, every=wanted[key].every)
        elif key in named:  # its source lost a secret: it waits
            Feed.objects.filter(pk=row.pk).update(next_at=None)
        elif row.gone_at is None:
            Feed.objects.filter(pk=row.pk).update(gone_at=now, next_at=None)


def read_due(guide: Guide, *, now: datetime) -> int:
    """Begin to read every feed that is due, and return how many. Returns at once."""
    room = _AT_ONCE - len(_under_way)
    # Due later than one interval from now: planned by a clock that was set back since.
    Feed.objects.filter(next_at__gt=now + F("every"), error_kind="").update(next_at=now)
    if room <= 0 or not any(source.feeds for source in guide.sources.values()):
        return 0
    rows = due.claim(Feed, now=now, lease=_lease_of(guide), limit=room, where=Q(gone_at=None))
    names = dict(Source.objects.filter(pk__in={row.source_id for row in rows}).values_list("pk", "name"))
    begun = 0
    for row in rows:
        source = guide.sources.get(names[row.source_id])
        feed = source.feeds.get(row.feed) if source is not None and source.is_set_up else None
        if source is not None and feed is not None:
            with _settled:
                _under_way.add(row.pk)
            name = f"feed {source.name}/{feed.name}"
            threading.Thread(target=_run, args=(Turn(row, source, feed, now),), name=name, daemon=True).start()
            begun += 1
    return begun


def settle(*, timeout_s: float = 30) -> bool:
    """Wait until no feed is being read in this process. Returns whether it was so, in time."""
    with _settled:
        return _settled.wait_for(lambda: not _under_way, timeout_s)


def _run(turn: Turn) -> None:
    try:
        turn.run()
    except Exception:
        # Whatever goes wrong in our own state, the feed must be read again: its lease runs out.
        log.exception("A feed's reading was not kept.", extra={"action": "feed.not_written", "feed": turn.name})
    finally:
        close_old_connections()
        connection.close()
        with _settled:
            _under_way.discard(turn.row.pk)
            _settled.notify_all()


def _lease_of(guide: Guide) -> timedelta:
    longest = max(
        (feed.timeout for source in guide.sources.values() for feed in source.feeds.values()), default=timedelta()
    )
    return 6 * longest + _LEASE
