"""The only writers of sources: rows follow the guide, and due probes are asked."""

from __future__ import annotations

import threading
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from nigrani.guide import Guide
from nigrani.guide import Probe as Question
from nigrani.lib import due

from . import feeding, rows
from .asked import Asked
from .asking import MOST_UNDER_WAY, Asking, lease_of
from .models import Probe, Source

_AT_ONCE = 50  # so few probes may all begin in the same second
_A_TURN = 500

_lock = threading.Lock()
_asking: Asking | None = None


def sync(guide: Guide, *, now: datetime) -> None:
    """Make rows follow the guide: new ones appear, those that left are kept and no longer asked.

    Probes of a source that is not set up wait without a time. Many new probes begin evenly spread over their interval.
    """
    with transaction.atomic():
        wanted = [Source(name=each.name, kind=each.kind, created_at=now) for each in guide.sources.values()]
        Source.objects.bulk_create(wanted, update_conflicts=True, unique_fields=["name"], update_fields=["kind"])
        Source.objects.filter(name__in=guide.sources).update(gone_at=None)
        Source.objects.filter(gone_at=None).exclude(name__in=guide.sources).update(gone_at=now)
        ids = dict(Source.objects.values_list("name", "pk"))
        present = {(row.source_id, row.probe): row for row in Probe.objects.select_for_update().order_by("pk")}
        asked: dict[tuple[int, str], Question] = {}
        for source in guide.sources.values():
            for probe in source.probes.values():
                asked[ids[source.name], probe.name] = probe
        idle = {ids[each.name] for each in guide.sources.values() if not each.is_set_up}
        _add({key: probe for key, probe in asked.items() if key not in present}, now=now)
        for key, row in present.items():
            _follow(row, asked.get(key), now=now)
        Probe.objects.filter(source_id__in=idle).update(next_at=None)
        woken = Probe.objects.filter(gone_at=None, next_at=None).exclude(source_id__in=idle)
        woken.filter(state="new").update(since=now)  # silence counts from here, not from when the guide named it
        woken.update(next_at=now)
        feeding.sync(guide, ids, now=now)


def probe_due(guide: Guide, *, now: datetime, location: str = "") -> int:
    """Begin to ask every probe that is due, and return how many. What they answer is kept as it comes.

    Returns at once: a site that hangs holds up nobody. Probes already under way are never asked twice.
    """
    asking = _current()
    rows.pull(now)
    room = min(_A_TURN, MOST_UNDER_WAY - asking.under_way)
    if room <= 0:
        return 0
    claimed = due.claim(Probe, now=now, lease=lease_of(guide), limit=room, where=Q(gone_at=None))
    if not claimed:
        return 0
    names = dict(Source.objects.filter(pk__in={row.source_id for row in claimed}).values_list("pk", "name"))
    batch = []
    for row in claimed:
        source = guide.sources.get(names[row.source_id])
        probe = source.probes.get(row.probe) if source is not None and source.is_set_up else None
        if source is not None and probe is not None:
            batch.append(Asked(row, now, source, probe, guide.reference, location))
    asking.ask(batch)
    return len(batch)


def read_due(guide: Guide, *, now: datetime) -> int:
    """Begin to read every feed that is due, and return how many; returns at once. See feeding.py."""
    return feeding.read_due(guide, now=now)


def settle(*, timeout_s: float = 30) -> bool:
    """Wait until every probe and feed under way in this process is kept. Returns whether it was, in time."""
    return (_asking is None or _asking.settle(timeout_s=timeout_s)) and feeding.settle(timeout_s=timeout_s)


def stop() -> None:
    """Keep what has been answered and end this process's asking; the next `probe_due` begins anew.

    A feed that is being read is left to its lease: what it kept is kept, and the cursor says how far.
    """
    global _asking
    with _lock:
        if _asking is not None:
            _asking.stop()
            _asking = None


def _current() -> Asking:
    global _asking
    with _lock:
        if _asking is None:
            _asking = Asking()
        return _asking


def _add(missing: dict[tuple[int, str], Question], *, now: datetime) -> None:
    is_many = len(missing) > _AT_ONCE
    Probe.objects.bulk_create(
        [
            Probe(
                source_id=source,
                probe=probe.name,
                every=probe.every,
                since=now,
                next_at=now + probe.every * (at / len(missing)) if is_many else now,
            )
            for at, ((source, _), probe) in enumerate(missing.items())
        ],
        ignore_conflicts=True,
    )


def _follow(row: Probe, probe: Question | None, *, now: datetime) -> None:
    """Write what changed of one row, which is mostly nothing."""
    if probe is None:
        if row.gone_at is None:
            Probe.objects.filter(pk=row.pk).update(gone_at=now, next_at=None)
    elif row.gone_at is not None:
        Probe.objects.filter(pk=row.pk).update(
            gone_at=None, next_at=now, every=probe.every, state="new", suspect=False, since=now, leased_until=None,
            memory=None, cost_ms=0, pace=None,
        )  # fmt: skip
    elif row.every != probe.every:
        Probe.objects.filter(pk=row.pk).update(every=probe.every)
