"""From transitions to messages: for every change that matters one fate a receiver, with its reason; none is silent.

A transition that is to be told carries `awaits` until its fates stand; they, the messages they queue and the end of
`awaits` are one transaction. So a crash repeats the decision as a whole, and one dispatch at a time decides.

A turn takes what is new and what was put off and may be told now, decides each for each receiver (deciding.py), lets
each thread plan its messages (threads.py) and words them (saying.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import transaction

from nigrani.guide import Guide

from . import batch, flapped, hearing, inhibition, mutes, putoff, reminding, retelling, threads, windows
from .batch import Change
from .deciding import Desk
from .models import Thread
from .saying import Voice
from .threads import News, Place

BATCH = 20_000  # changes in one transaction: a storm is told in one message a rule and receiver, within bounded memory


def dispatch(guide: Guide, *, now: datetime) -> int:
    """Decide what becomes of every transition that is to be told, and of what was put off. Returns how many fates were
    written."""
    windows.follow(guide, now=now)
    done = 0
    while True:
        fates, handled = _turn(guide, now)
        done += fates
        if handled < BATCH:
            return done + retelling.retell(guide, now=now) + reminding.remind(guide, now=now)


@transaction.atomic
def _turn(guide: Guide, now: datetime) -> tuple[int, int]:
    batch.lock()
    changes = batch.waiting(BATCH)
    backlog = batch.backlog()
    settling = flapped.settling(guide, now=now)
    opened = threads.opened() if changes or backlog or settling else {}
    if not (changes or backlog or settling):
        return 0, 0
    causes = putoff.causes(guide, changes, backlog)
    speaking = putoff.speaking(guide, backlog, opened, now=now)
    rules = {each.rule_id for each in (*changes, *settling)} | {each.rule_id for each in speaking}
    told = hearing.standing({each.alert for each in (*changes, *settling)} | causes.ids, rules)
    causes.heard_by(told, backlog)
    freed = putoff.freed(guide, backlog, causes, now=now)
    names = {*freed, *(each.muted_by for each in speaking), *_ending(opened, changes)}
    waiting = batch.held(alerts=[each.alert for each in changes], muted_by=names) if backlog else []
    desk = Desk(
        guide,
        now,
        told,
        inhibition.Causes(guide, causes.rows, causes.heard),
        mutes.standing(guide, now=now),
        flapped.begin(guide, changes, now=now),
        putoff.by_alert(waiting),
    )
    for each in sorted(changes, key=lambda each: (inhibition.depth(guide, each.rule), each.id)):
        desk.take(each)
    putoff.review(desk, waiting, freed=freed)
    for each in settling:
        for name in desk.believers(each.alert):
            desk.settle(each, name)
    _speak(desk, opened, putoff.effects(desk, backlog, waiting, causes), causes.names)
    batch.told([each.id for each in changes])
    batch.let_go(desk.gone)
    flapped.note(desk.flaps, settling, now=now)
    return batch.write(desk.decided, now=now), len(changes)


def _speak(
    desk: Desk, opened: Mapping[Place, Thread], effects: Mapping[int, Mapping[str, int]], names: Mapping[int, str]
) -> None:
    """Let every thread that has news, or muted effects to list, plan and say them."""
    items = [each for news in desk.news.values() for each in (*news.over, *news.settled)]
    voice = Voice(desk, hearing.began(each.change for each in items), effects)
    gone = {each.change.rule_id for each in items if each.change.is_gone}
    still = _still(desk)
    for place in dict.fromkeys((*desk.news, *_listing(opened, effects))):
        thread, news = opened.get(place), desk.news.get(place, News())
        begun = {each.change.alert for each in (*news.began, *news.flaps)}
        ended = {each.change.alert for each in (*news.over, *news.settled) if each.change.new == "ok"}
        plan = threads.plan(
            news,
            is_open=thread is not None,
            is_due=thread is None or threads.is_due(thread, desk.guide.telling.group_interval, now=desk.now),
            still=len(still.get(place, set()) - begun - ended),
            has_effects=thread is not None and threads.unlisted(thread, effects.get(place[0], {})),
        )
        desk.rules.setdefault(place[0], names.get(place[0], ""))
        voice.speak(place, thread, plan, is_gone=place[0] in gone)


def _still(desk: Desk) -> dict[Place, set[int]]:
    """Return the alerts of which each receiver believes, and rightly, that they fire: by rule and receiver."""
    found: dict[Place, set[int]] = {}
    for (alert, name), last in desk.told.items():
        if last.is_open:
            found.setdefault((last.rule_id, name), set()).add(alert)
    return found


def _ending(opened: Mapping[Place, Thread], changes: Iterable[Change]) -> list[str]:
    """Return the threads whose rule has an end among the changes: it may be the last, which tells what was put off."""
    rules = {each.rule_id for each in changes if each.new == "ok"}
    return [f"thread:{thread.pk}" for (rule, _), thread in opened.items() if rule in rules]


def _listing(opened: Mapping[Place, Thread], effects: Mapping[int, Mapping[str, int]]) -> list[Place]:
    """Return the threads of causes that mute more effects than they have listed."""
    return [place for place, thread in opened.items() if threads.unlisted(thread, effects.get(place[0], {}))]
