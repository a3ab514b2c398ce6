"""How each source stands, for pages, for measures and for whoever asks whether a figure may be believed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from django.db.models import Max, Min

from nigrani.guide import Guide
from nigrani.guide import Source as Declared
from nigrani.lib.units import show_duration

from .feed_queries import FeedView, feeds
from .feed_queries import borne as may_lag
from .models import Feed, Probe, Source
from .state import Belief

Standing = Literal["fresh", "stale", "new", "no_source", "refused"]


@dataclass(frozen=True)
class ProbeView:
    """One probe as it stands. last_failure and last_detail are of the last answer, "" when it was right."""

    name: str
    state: Belief
    suspect: bool
    since: datetime
    every: timedelta
    next_at: datetime | None
    last_at: datetime | None
    last_ok_at: datetime | None
    last_outcome: str
    last_failure: str
    last_detail: str
    last_ms: float | None
    blind_since: datetime | None
    cost_ms: float
    pace: timedelta | None

    @property
    def share(self) -> float:
        """The part of one core that answering it keeps busy, at most."""
        return self.cost_ms / 1000 / (self.pace or self.every).total_seconds()


@dataclass(frozen=True)
class SourceView:
    """One source as it stands.

    state: fresh (a usable answer within stale_after), stale (dark for longer), new (never answered yet, and still
        within that time), refused (it rejects our credentials), no_source (not set up: `missing` says what lacks).
    age_s: seconds since the last usable answer; None before the first. error: why a probe does not see, or "";
    error_kind: unreachable, refused, throttled, unreadable or cut_off. failing_since: when that began.
    """

    name: str
    title: str
    kind: str
    state: Standing
    age_s: float | None
    stale_after: timedelta
    error: str
    error_kind: str
    failing_since: datetime | None
    last_ok_at: datetime | None
    missing: tuple[str, ...]
    answers: int
    failures: int
    probes: tuple[ProbeView, ...]
    feeds: tuple[FeedView, ...] = ()

    @property
    def share(self) -> float:
        """The part of one core that all our questions keep busy, at most."""
        return sum(each.share for each in self.probes)

    def costs_in_words(self, budget: float | None) -> str:
        """Say what asking costs the system, and whether questions are stretched for it; "" where nothing is known."""
        if not any(each.cost_ms for each in self.probes):
            return ""
        a_day = show_duration(self.share * 86400)
        said = f"Our questions keep it busy for at most {a_day} a day, {self.share * 100:.2g} % of one core"
        if budget is not None:
            said += f"; the budget is {budget * 100:.3g} %"
        stretched = [f"{each.name} every {show_duration(each.pace)}" for each in self.probes if each.pace]
        if stretched:
            said += f". Beyond it, {len(stretched)} of them are asked less often: {', '.join(stretched)}"
        return f"{said}."


def sources(guide: Guide, now: datetime) -> list[SourceView]:
    """Return every source of the guide, in the guide's order."""
    rows = {row.name: row for row in Source.objects.filter(name__in=guide.sources)}
    probes: dict[int, list[Probe]] = {}
    for probe in Probe.objects.filter(source__in=rows.values(), gone_at=None).order_by("probe"):
        probes.setdefault(probe.source_id, []).append(probe)
    fed = feeds(guide, now)
    return [
        _view(declared, row, probes.get(row.pk, []) if row else [], fed.get(declared.name, ()), now=now)
        for declared in guide.sources.values()
        for row in (rows.get(declared.name),)
    ]


def ages(guide: Guide, now: datetime) -> dict[str, float | None]:
    """Return the seconds since each source's last usable answer; None for one that never gave any, or is not set up."""
    last = dict(Source.objects.filter(name__in=guide.sources).values_list("name", "last_ok_at"))
    return {
        name: _age(last.get(name), now=now) if declared.is_set_up else None for name, declared in guide.sources.items()
    }


def silences(guide: Guide, now: datetime) -> dict[str, float]:
    """Return the seconds of silence of each source that is set up: since its last usable answer, or, where it never
    gave one, since we began to ask."""
    last = dict(Source.objects.filter(name__in=guide.sources).values_list("name", "last_ok_at"))
    began = dict(
        Probe.objects.filter(source__name__in=guide.sources, gone_at=None)
        .values_list("source__name")
        .annotate(began=Min("since"))
    )
    since = {name: last.get(name) or began.get(name) for name, each in guide.sources.items() if each.is_set_up}
    return {name: max(0.0, (now - at).total_seconds()) for name, at in since.items() if at is not None}


def darkness(guide: Guide, now: datetime, *, asking_for: timedelta) -> dict[str, float]:
    """Return how dark each source is that is set up: its worst silence as a part of what is borne; over 1 is dark.

    A silence is the source's, or that of one question or feed to which we are blind while others are answered: nobody
    sees then what only that one tells. It may last for `stale_after`, and for two of the question's own intervals. A
    feed that was never read yet, say for want of a grant, is shown and wakes nobody. While the system itself fails,
    full or down, such a silence is a part of that and counts from its end on: one trouble is told once.
    asking_for: since when we have been asking without a pause. A silence older than that is left out until it has
    lasted as long under our own eyes: a stop of ours, or a clock set forward, is not the source's.
    """
    silent = silences(guide, now)
    spans = {name: [(seconds, guide.sources[name].stale_after)] for name, seconds in silent.items()}
    asked = Probe.objects.filter(source__name__in=spans, gone_at=None)
    failing = set(asked.filter(last_outcome="fail").values_list("source__name", flat=True))
    turned = dict(asked.values_list("source__name").annotate(turned=Max("since")))
    blind = asked.filter(last_outcome="blind", blind_since__isnull=False).exclude(source__name__in=failing)
    for name, every, pace, since in blind.values_list("source__name", "every", "pace", "blind_since"):
        assert since is not None  # filtered so
        borne = max(guide.sources[name].stale_after, 2 * (pace or every))
        spans[name].append(((now - max(since, turned[name])).total_seconds(), borne))
    for name, feed, since in Feed.objects.filter(
        source__name__in=set(spans) - failing, gone_at=None, failing_since__isnull=False, last_ok_at__isnull=False
    ).values_list("source__name", "feed", "failing_since"):
        if (declared := guide.sources[name].feeds.get(feed)) is not None:
            assert since is not None  # filtered so
            silent_for = now - max(since, turned.get(name, since))
            spans[name].append((silent_for.total_seconds(), may_lag(guide.sources[name], declared)))
    found = {}
    for name, each in spans.items():
        ratios = [(seconds / borne.total_seconds(), borne < asking_for) for seconds, borne in each]
        if seen := [ratio for ratio, is_seen in ratios if ratio <= 1 or is_seen]:
            found[name] = max(seen)
        if max(ratios)[0] > 1 and found.get(name, 0) <= 1:
            found.pop(name, None)
    return found


@dataclass(frozen=True)
class Unanswered:
    """Why what lives on one question can't be told now.

    is_absent: the system has nothing to say to it, and `says` what mends that; else it is just not answered.
    """

    is_absent: bool
    says: str


def unanswered(guide: Guide, now: datetime) -> dict[tuple[str, str], Unanswered]:
    """Return every question, by source and probe, that has no answer to go by: one query."""
    rows = Probe.objects.filter(source__name__in=guide.sources, gone_at=None).select_related("source")
    found = {}
    for row in rows:
        declared = guide.sources[row.source.name]
        borne = max(declared.stale_after, 3 * (row.pace or row.every))
        at = f"The question {row.probe} of {declared.title}"
        if row.last_outcome == "absent":
            why = Unanswered(True, row.last_detail.rstrip("."))
        elif row.last_at is None:
            why = Unanswered(False, f"{at} was not answered yet")
        elif row.last_outcome == "blind" and row.blind_since and now - row.blind_since > borne:
            why = Unanswered(False, f"{at} is not answered: {row.last_detail.rstrip('.')}")
        elif now - row.last_at > borne:
            why = Unanswered(
                False, f"{at} has not been answered for {show_duration((now - row.last_at).total_seconds())}"
            )
        else:
            continue
        found[row.source.name, row.probe] = why
    return found


def _view(
    declared: Declared, row: Source | None, probes: Iterable[Probe], fed: tuple[FeedView, ...], *, now: datetime
) -> SourceView:
    views = tuple(map(_probe, probes))
    blind = [each for each in views if each.last_outcome == "blind"]
    # A refusal is told before what may pass by itself.
    worst = min(blind, key=lambda each: each.last_failure != "refused", default=None)
    age_s = _age(row.last_ok_at, now=now) if row else None
    return SourceView(
        name=declared.name,
        title=declared.title,
        kind=declared.kind,
        state=_standing(declared, views, age_s, worst, now=now),
        age_s=age_s,
        stale_after=declared.stale_after,
        error=worst.last_detail if worst else "",
        error_kind=worst.last_failure if worst else "",
        failing_since=min((each.blind_since for each in blind if each.blind_since), default=None),
        last_ok_at=row.last_ok_at if row else None,
        missing=declared.missing,
        answers=row.answers if row else 0,
        failures=row.failures if row else 0,
        probes=views,
        feeds=fed,
    )


def _standing(
    declared: Declared, probes: Iterable[ProbeView], age_s: float | None, worst: ProbeView | None, *, now: datetime
) -> Standing:
    if not declared.is_set_up:
        return "no_source"
    if worst is not None and worst.last_failure == "refused":
        return "refused"
    if age_s is None:
        began = min((each.since for each in probes), default=now)  # nothing is believed yet: since we ask
        is_young = now - began <= declared.stale_after
        return "new" if is_young else "stale"
    return "fresh" if age_s <= declared.stale_after.total_seconds() else "stale"


def _probe(row: Probe) -> ProbeView:
    belief: Belief = "up" if row.state == "up" else "down" if row.state == "down" else "new"
    return ProbeView(
        name=row.probe,
        state=belief,
        suspect=row.suspect,
        since=row.since,
        every=row.every,
        next_at=row.next_at,
        last_at=row.last_at,
        last_ok_at=row.last_ok_at,
        last_outcome=row.last_outcome,
        last_failure=row.last_failure,
        last_detail=row.last_detail,
        last_ms=row.last_ms,
        blind_since=row.blind_since,
        cost_ms=row.cost_ms,
        pace=row.pace,
    )


def _age(at: datetime | None, *, now: datetime) -> float | None:
    return None if at is None else max(0.0, (now - at).total_seconds())
