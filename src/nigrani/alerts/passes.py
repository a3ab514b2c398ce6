"""One pass over every rule: what each alert becomes, written in one transaction and only where something changed.

Two workers may make the same pass: a change is written only if the alert is still as it was seen, so one transition
comes of it. Nothing is kept in memory between passes.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import msgspec
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.expressions import RawSQL

from nigrani.guide import Guide
from nigrani.lib.errors import SourceError
from nigrani.lib.units import show_duration
from nigrani.measures import labels as label_sets
from nigrani.measures import verdicts, windows
from nigrani.measures.standing import Standing, standings
from nigrani.measures.values import Value

from . import rules, rungs, written
from .judge import holds_of, judge, telling
from .ladder import climb
from .models import Alert
from .state import GONE_AFTER, LOUD, Found, Next
from .verdict import finding
from .written import Change, Fresh

log = logging.getLogger(__name__)

GRACE = timedelta(minutes=1)  # a store that restarts makes nothing unknown
_LOCK = 0x6E67616C  # one pass writes at a time: PostgreSQL's advisory lock
_LOGGED = 200  # changes of one pass; what became of the others stands in the transitions
_FRESH = {True: timedelta(seconds=15), False: timedelta(minutes=1)}  # how old a shown value gets: not ok, ok


def evaluate(guide: Guide, *, now: datetime) -> int:
    """Judge every alert of the guide at `now`. Returns how many changed their state.

    Raises SourceError when telemetry does not answer; if it has not for longer than GRACE, what is not firing has
    become unknown by then.
    """
    known = rules.follow(guide, now=now)
    lost: SourceError | None = None
    standing = standings(guide, now=now)
    declared = list(guide.alerts.values())
    try:
        merged = windows.read(guide, [each.when for each in declared], now=now, standing=standing)
    except SourceError as error:
        last = max((rule.evaluated_at for rule in known.values() if rule.evaluated_at), default=None)
        if last is not None and timedelta() <= now - last < GRACE:
            raise
        lost = error
        dark = {name: _lost(each) for name, each in standing.items()}
        merged = windows.read(guide, [each.when for each in declared], now=now, standing=dark)
    passes = [
        rules.Pass(each, known[each.name], found, rules.unsettled(known[each.name], each, now=now))
        for each, found in zip(declared, merged, strict=True)
    ]
    moved = _write([each for each in passes if not each.is_late(now)], now)
    if lost is not None:
        raise lost
    return moved


def _lost(standing: Standing) -> Standing:
    if standing.known != "known":
        return standing
    return Standing("unknown", "telemetry does not answer", standing.sql_hash, standing.version)


def _write(passes: list[rules.Pass], now: datetime) -> int:
    rows = _rows(passes)
    changes = [change for each in passes for change in _changes(each, rows.get(each.rule.pk, {}), now)]
    changes += _left(now)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        moved = written.apply(changes, now=now)
        rules.evaluated(passes, now=now)
        loud = _loud_rules(passes)
        verdicts.keep((finding(each, is_loud=each.rule.pk in loud) for each in passes), now=now)
    _log(moved)
    return len(moved)


def _log(moved: list[Change]) -> None:
    """Log each change; of a storm the first, and how many there were of each kind."""
    for change in moved[:_LOGGED]:
        action = f"alert.{change.after.state}"
        extra = {"action": action, "alert": change.before.key}
        log.info("%s: %s", change.before.key, change.after.because, extra=extra)
    for state, count in Counter(change.after.state for change in moved[_LOGGED:]).items():
        log.info("%d more alerts became %s.", count, state, extra={"action": f"alert.{state}"})


def _rows(passes: Iterable[rules.Pass]) -> dict[int, dict[str, Alert]]:
    """Return the rows a pass needs, by rule and label key: all that are not ok, and those whose condition holds."""
    passes = list(passes)
    keys = [
        rules.alert_key(each.rule.name, key)
        for each in passes
        for key, value in each.merged.values.items()
        if value.value is not None and each.declared.when.holds(value.value)
    ]
    found: dict[int, dict[str, Alert]] = {}
    # As one text that the store takes apart: ten thousand parameters cost more than the rows they find.
    named = RawSQL("SELECT json_array_elements_text(%s::json)", [msgspec.json.encode(keys).decode()])
    wanted = ~Q(state="ok") | Q(labels={}) | Q(key__in=named)
    for row in Alert.objects.filter(wanted, rule__in=[each.rule.pk for each in passes]).order_by("id"):
        found.setdefault(row.rule_id, {})[label_sets.key(row.labels)] = row
    return found


def _changes(each: rules.Pass, rows: Mapping[str, Alert], now: datetime) -> Iterator[Change]:
    """Yield what is to be written about one rule's alerts."""
    by = each.merged.measure.by
    for key, row in rows.items():
        if not _belongs(each, row):
            if row.state != "ok":
                yield _closed(row, "The rule no longer has this label set.", now)
            continue
        value = each.merged.of(key, row.labels)
        if _is_gone(row, value, now):
            yield _closed(row, f"It has had no reading for {show_duration(now - row.read_at)}.", now)
        else:
            yield from _change(each, row, value, now)
    for key, value in each.merged.values.items():
        if key not in rows and (not by or _begins(each, value)):
            fresh = Fresh(
                rule_id=each.rule.pk,
                labels=value.labels,
                key=rules.alert_key(each.rule.name, key),
                state="ok" if by else "unknown",
                since=now,
                read_at=now,
            )
            yield from _change(each, fresh, value, now)


def _begins(each: rules.Pass, value: Value) -> bool:
    """Whether a label set without a row leaves ok. Looked at before anything is made for the thousand that do not."""
    return value.value is not None and each.turned_back is None and each.declared.when.holds(value.value)


def _belongs(each: rules.Pass, row: Alert) -> bool:
    return set(row.labels) == set(each.merged.measure.by) and label_sets.matches(row.labels, each.declared.when.only)


def _is_gone(row: Alert, value: Value, now: datetime) -> bool:
    """Whether what a loud alert is about was removed (a source, a probe), so that nothing will ever say it is over.

    Its row was last written when its readings ended; a source that is dark is another thing, and not counted.
    """
    is_empty = row.known == value.known == "too_little" and not value.n
    return is_empty and bool(row.labels) and row.state in LOUD and now - row.read_at >= GONE_AFTER


def _change(each: rules.Pass, row: Alert | Fresh, value: Value, now: datetime) -> Iterator[Change]:
    declared = each.declared
    turned = each.turned_back
    judged = (turned,) * len(declared.levels) if turned else judge(declared, each.merged.measure, value)
    climbed = climb(rungs.seen(declared, row, at=each.rule.evaluated_at), judged, holds_of(declared), now=now)
    after, found = climbed.state, telling(judged)
    if after.because != climbed.because:
        after = replace(after, because=climbed.because)
    number = value.value if found.known == "known" else None
    level, higher = rungs.level(declared, climbed.height), rungs.kept(declared, climbed)
    change = Change(row, after, found, number, _worst(each, row, after, number), level, higher)
    is_new = row.pk is None and not each.merged.measure.by
    is_known_otherwise = row.pk is not None and row.known != found.known
    is_held_otherwise = (row.pending_since, row.level, row.higher) != (after.pending_since, level, higher)
    is_stale = row.pk is not None and row.value != number and not (
        timedelta() <= now - row.read_at < _FRESH[row.state != "ok"]
    )  # fmt: skip
    is_worse = row.worst != change.worst
    if is_new or change.is_move or is_known_otherwise or is_held_otherwise or is_stale or is_worse:
        yield change


def _worst(each: rules.Pass, row: Alert | Fresh, after: Next, number: float | None) -> float | None:
    """Return the value furthest beyond the level since the alert began to fire; when it is over, it stays."""
    if after.state not in LOUD or number is None:
        return row.worst
    if row.state not in LOUD or row.worst is None:
        return number
    return max(row.worst, number) if each.declared.when.above is not None else min(row.worst, number)


def _left(now: datetime) -> list[Change]:
    """Close the alerts of rules that are no longer in the guide."""
    open_still = Alert.objects.filter(rule__gone_at__isnull=False).exclude(state="ok").order_by("id")
    return [_closed(row, "The rule left the guide.", now) for row in open_still]


def _closed(row: Alert, because: str, now: datetime) -> Change:
    says = because.rstrip(".")
    return Change(row, Next("ok", now, None, because), Found("unknown", False, False, says), None, row.worst)


def _loud_rules(passes: Iterable[rules.Pass]) -> set[int]:
    asked = [each.rule.pk for each in passes]
    return set(Alert.objects.filter(rule__in=asked, state__in=LOUD).values_list("rule_id", flat=True))
