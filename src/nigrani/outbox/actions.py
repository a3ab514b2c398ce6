"""What the outbox does: take a message in, send what is due, send a test at once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from nigrani.guide.model import Guide, Receiver
from nigrani.integrations import Notice, Receipt
from nigrani.lib import clock, due
from nigrani.lib.errors import NigraniError, SourceError

from . import notices, queries, state, tries
from .lanes import Lanes
from .models import Attempt, Message

log = logging.getLogger(__name__)

PATIENCE = timedelta(seconds=1)
FORGET_AT_ONCE = 2000
NOT_SET_UP_AGAIN = timedelta(minutes=1)
_lanes = Lanes()


def enqueue(*, receiver: str, notice: Notice, key: str, now: datetime, thread: str = "") -> Message:
    """Put a message into the outbox, within the caller's transaction. The same key is the same message.

    thread: messages to one receiver in one thread are sent strictly in the order they came; give each alert one of
    its own, so that a message that can't be delivered holds up only its own alert's.
    """
    message, _ = Message.objects.get_or_create(
        key=key,
        defaults={
            "receiver": receiver,
            "thread": thread,
            "kind": notice.kind,
            "notice": notices.stored(notice),
            "created_at": now,
            "next_at": now,
        },
    )
    return message


def deliver_due(guide: Guide, *, now: datetime, patience: timedelta | None = PATIENCE) -> int:
    """Send what is due, receivers side by side, and return how many tries ended.

    A receiver that is slow goes on in the background when `patience` is over (None: wait for all). Messages are sent
    outside any transaction, so a caller inside one would not be seen by the threads that send.
    """
    _pull(now)
    names = list(Message.objects.filter(next_at__lte=now).order_by().values_list("receiver", flat=True).distinct())
    paused = queries.paused(names, now=now)
    return _lanes.run(
        [name for name in names if name not in paused],
        lambda name: _work(guide, name, now=now),
        patience_s=None if patience is None else patience.total_seconds(),
    )


def _pull(now: datetime) -> None:
    """Make due at once what a clock that was set back has left in the future."""
    Message.objects.filter(next_at__gt=now + state.AHEAD_MAX).update(next_at=now)
    # Made in what is now the future: pulled once, for its next wait is counted by the clock as it is.
    Message.objects.filter(next_at__gt=now, created_at__gt=now).update(next_at=now, created_at=now)


def forget_old(*, before: datetime, spared: Sequence[QuerySet[Any]]) -> int:
    """Remove messages made before an instant that found their end, with their tries. Returns how many rows went.

    spared: what speaks of a message still, each by OuterRef("pk"); such a one stays.
    """
    done = 0
    while True:
        ended = Message.objects.filter(created_at__lt=before).exclude(state__in=state.UNFINISHED)
        for each in spared:
            ended = ended.exclude(Exists(each))
        old = list(ended.order_by("id").values_list("pk", flat=True)[:FORGET_AT_ONCE])
        if not old:
            return done
        with transaction.atomic():
            done += Attempt.objects.filter(message__in=old).delete()[0]
            done += Message.objects.filter(pk__in=old).delete()[0]


def finish(*, timeout: timedelta) -> bool:
    """Wait for what is being sent in the background, before the process ends; whether all of it ended."""
    return _lanes.wait(timeout_s=timeout.total_seconds())


def send_test(guide: Guide, receiver_name: str, *, now: datetime) -> Receipt:
    """Send a test message at once and return the receipt. It is tried once, and stays in the list like any other.

    Raises NigraniError when there is no such receiver or it is not set up, SourceError when it was not accepted.
    """
    receiver = guide.receivers.get(receiver_name)
    if receiver is None:
        known = ", ".join(guide.receivers) or "none"
        raise NigraniError(f"The guide has no receiver {receiver_name}.", f"It has: {known}.")
    if not receiver.is_set_up:
        raise NigraniError(_not_set_up(receiver))
    notice = Notice(
        "test", "Nigrani can reach you", ("This is a test. Nothing is wrong and nothing is to be done.",), at=now
    )
    message = Message.objects.create(
        key=f"test:{receiver_name}:{now.isoformat()}",
        receiver=receiver_name,
        thread=f"test:{now.isoformat()}",
        kind="test",
        notice=notices.stored(notice),
        created_at=now,
        next_at=now,
        leased_until=Now() + tries.LEASE,
    )
    moment = _moments(now)
    made = tries.begin(message, now=now)
    came = tries.call(receiver, made.message)
    tries.record(made, came, receiver, now=moment(), is_last=True)
    if isinstance(came, SourceError):
        raise came
    return came


def _work(guide: Guide, name: str, *, now: datetime) -> int:
    """Send one receiver's due messages, one after the other, until none is left or the receiver is in trouble."""
    done, moment = 0, _moments(now)
    try:
        while (message := _next(name, now=now)) is not None:
            receiver = guide.receivers.get(name)
            if receiver is None or not receiver.is_set_up:
                _put_off(message, receiver, now=now)
                continue
            made = tries.begin(message, now=moment())
            outcome = tries.record(made, tries.call(receiver, made.message), receiver, now=moment())
            done += 1
            _tell_of_change(name, made, outcome, now=now)
            if outcome not in ("sent", "refused"):
                break
    finally:
        connection.close()
    return done


def _moments(now: datetime) -> Callable[[], datetime]:
    """Return a clock that starts at `now` and goes on at the pace of the process: sending takes time."""
    began = clock.monotonic()
    return lambda: now + timedelta(seconds=clock.monotonic() - began)


def _next(name: str, *, now: datetime) -> Message | None:
    """Claim the receiver's next due message that has no unfinished one before it in its thread."""
    before = Message.objects.filter(
        receiver=OuterRef("receiver"), thread=OuterRef("thread"), id__lt=OuterRef("id"), state__in=state.UNFINISHED
    )
    claimed = due.claim(Message, now=now, lease=tries.LEASE, limit=1, where=Q(receiver=name) & Q(~Exists(before)))
    return claimed[0] if claimed else None


def _put_off(message: Message, receiver: Receiver | None, *, now: datetime) -> None:
    """Keep a message whose receiver can't be used at present: a secret may be put in place, or the guide mended."""
    error = "The guide has no such receiver." if receiver is None else _not_set_up(receiver)
    after = state.follow("unreachable", tries=len(state.BACKOFF), created_at=message.created_at, now=now)
    again = None if after.at is None else min(after.at, now + NOT_SET_UP_AGAIN)
    Message.objects.filter(pk=message.pk).update(state=after.state, next_at=again, leased_until=None, error=error)
    if after.state != "queued":
        log.error("A message to %s is lost: %s", message.receiver, error, extra={"action": "outbox.given_up"})


def _not_set_up(receiver: Receiver) -> str:
    verb = "is" if len(receiver.missing) == 1 else "are"
    return f"The receiver {receiver.name} is not set up: {', '.join(receiver.missing)} {verb} missing."


def _tell_of_change(name: str, made: tries.Try, outcome: state.Outcome, *, now: datetime) -> None:
    """Log once when a receiver is lost and once when it is back; what waits for it is then due at once."""
    was_well = queries.outcome_before(name, made.attempt) in (None, "sent")
    if outcome != "sent" and was_well:
        log.warning("Messages to %s fail.", name, extra={"action": "outbox.receiver_lost", "outcome": outcome})
    if outcome == "sent" and not was_well:
        log.info("Messages to %s arrive again.", name, extra={"action": "outbox.receiver_back"})
        _release(name, made, now=now)


def _release(name: str, made: tries.Try, *, now: datetime) -> None:
    """Make due what failed in this outage only. What had failed while others arrived is to blame itself: it keeps its
    own pace, or every success would bring another copy of it."""
    last_arrival = queries.last_sent_before(name, made.attempt)
    older = Attempt.objects.filter(message=OuterRef("pk"), id__lt=last_arrival)
    waiting = Message.objects.filter(~Exists(older), receiver=name, state="queued", next_at__gt=now)
    waiting.update(next_at=now)
