"""What the console asks of the outbox. Everything comes as frozen objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.db.models import Count, Max, Min

from nigrani.guide.model import Guide
from nigrani.lib.units import show_age

from .models import Attempt, Message
from .state import AHEAD_MAX, UNFINISHED


@dataclass(frozen=True)
class QueueView:
    """How many messages wait or are being sent, and the age in seconds of the oldest (None: none waits)."""

    count: int
    oldest_age_s: float | None


@dataclass(frozen=True)
class TryView:
    """One try. `outcome` is "under way" until it ends."""

    at: datetime
    ended_at: datetime | None
    outcome: str
    detail: str


@dataclass(frozen=True)
class Delivery:
    """A message and what became of it."""

    id: int
    receiver: str
    kind: str
    title: str
    state: str
    word: str
    reason: str
    created_at: datetime
    sent_at: datetime | None
    tries: tuple[TryView, ...]


@dataclass(frozen=True)
class ReceiverView:
    """Whether messages to a receiver arrive.

    state: "ok" (the last try was accepted), "new" (nothing was sent yet), "broken" (refused: mend it), "paused" (it
    asked us to wait), "failing" (no answer, or none that we understand), "not set up" (a secret is missing).
    """

    name: str
    title: str
    state: Literal["ok", "new", "broken", "paused", "failing", "not set up"]
    reason: str
    last_sent_at: datetime | None
    waiting: int


def fate(message: Message) -> tuple[str, str]:
    """Return what became of a message, as a word and a sentence that says why."""
    times = "once" if message.tries == 1 else f"{message.tries} times"
    repeat = " An earlier try may have arrived as well." if message.possible_repeat else ""
    match message.state:
        case "sent":
            return "sent", f"Accepted on try {message.tries}.{repeat}"
        case "sending":
            return "being sent", f"Try {message.tries} is under way.{repeat}"
        case "failed":
            return "failed", f"Not sent: {message.error}"
        case "given_up":
            return "given up", f"Tried {times} and given up: {message.error}{repeat}"
        case _ if message.error:
            tried = f"Tried {times}: " if message.tries else ""
            return "waiting", f"{tried}{message.error}{repeat} It is tried again."
        case _:
            return "waiting", "It was not tried yet."


def waiting(now: datetime) -> QueueView:
    """Return how much has not found its end yet."""
    found = Message.objects.filter(state__in=UNFINISHED).aggregate(count=Count("id"), oldest=Min("created_at"))
    oldest = found["oldest"]
    return QueueView(found["count"], None if oldest is None else (now - oldest).total_seconds())


def deliveries(limit: int, *, receiver: str | None = None) -> list[Delivery]:
    """Return the latest messages, newest first, each with its tries, oldest first. Two queries."""
    chosen = Message.objects.order_by("-created_at", "-id")
    return with_tries((chosen if receiver is None else chosen.filter(receiver=receiver))[:limit])


def of(message_ids: Iterable[int]) -> dict[int, Delivery]:
    """Return these messages, each with its tries, oldest first, by id. Two queries."""
    return {each.id: each for each in with_tries(Message.objects.filter(pk__in=list(message_ids)))}


def delivery(message_id: int) -> Delivery | None:
    """Return one message, or None if there is none with this id."""
    return next(iter(with_tries(Message.objects.filter(pk=message_id))), None)


def receivers(guide: Guide, *, now: datetime) -> list[ReceiverView]:
    """Return every receiver of the guide, in its order."""
    latest = _latest(guide.receivers)
    sent = dict(Message.objects.filter(state="sent").order_by().values_list("receiver").annotate(Max("sent_at")))
    left = dict(Message.objects.filter(state__in=UNFINISHED).order_by().values_list("receiver").annotate(Count("id")))
    views = []
    for name, receiver in guide.receivers.items():
        word, reason = _health(latest.get(name), now=now)
        if not receiver.is_set_up:
            word, reason = "not set up", f"{', '.join(receiver.missing)} missing"
        views.append(ReceiverView(name, receiver.title, word, reason, sent.get(name), left.get(name, 0)))
    return views


def paused(names: Iterable[str], *, now: datetime) -> set[str]:
    """Return those receivers that asked us to wait and whose time has not come.

    A time further ahead than we ever wait was told before the clock was set back.
    """
    return {
        name
        for name, last in _latest(names).items()
        if last.retry_at is not None and now < last.retry_at <= now + AHEAD_MAX
    }


def working(names: Iterable[str]) -> set[str]:
    """Return those receivers that took the last message which was tried."""
    return {name for name, last in _latest(names).items() if last.outcome == "sent"}


def last_in_thread(thread: str) -> dict[str, tuple[int, str]]:
    """Return the id and the kind of each receiver's last message in a thread."""
    rows = Message.objects.filter(thread=thread).order_by("receiver", "-id").distinct("receiver")
    return {receiver: (number, kind) for receiver, number, kind in rows.values_list("receiver", "id", "kind")}


def outcome_before(receiver: str, attempt: Attempt) -> str | None:
    """Return how the receiver's last try before this one ended; None if there was none."""
    earlier = Attempt.objects.filter(receiver=receiver, id__lt=attempt.pk).exclude(outcome="")
    return earlier.order_by("-id").values_list("outcome", flat=True).first()


def last_sent_before(receiver: str, attempt: Attempt) -> int:
    """Return the id of the receiver's last accepted try before this one; 0 if there was none."""
    earlier = Attempt.objects.filter(receiver=receiver, id__lt=attempt.pk, outcome="sent")
    return earlier.order_by("-id").values_list("id", flat=True).first() or 0


def _latest(names: Iterable[str]) -> dict[str, Attempt]:
    """Return each receiver's last try that ended."""
    ended = Attempt.objects.filter(receiver__in=list(names)).exclude(outcome="")
    return {row.receiver: row for row in ended.order_by("receiver", "-id").distinct("receiver")}


Health = Literal["ok", "new", "broken", "paused", "failing", "not set up"]


def _health(last: Attempt | None, *, now: datetime) -> tuple[Health, str]:
    if last is None:
        return "new", "nothing was sent yet"
    if last.outcome == "sent":
        return "ok", f"accepted {show_age(last.ended_at or last.at, now=now)}"
    if last.outcome == "refused":
        return "broken", last.detail
    if last.outcome == "throttled" and last.retry_at is not None and last.retry_at > now:
        return "paused", f"it asked us to wait: next try {show_age(last.retry_at, now=now)}"
    return "failing", last.detail


def with_tries(messages: Iterable[Message]) -> list[Delivery]:
    """Return messages as pages show them, in the order given, each with its tries, oldest first. Two queries."""
    rows = list(messages)
    by_message: dict[int, list[TryView]] = {row.pk: [] for row in rows}
    for each in Attempt.objects.filter(message__in=by_message).order_by("id"):
        by_message[each.message_id].append(TryView(each.at, each.ended_at, each.outcome or "under way", each.detail))
    return [_delivery(row, by_message[row.pk]) for row in rows]


def _delivery(row: Message, tries: Sequence[TryView]) -> Delivery:
    word, reason = fate(row)
    return Delivery(
        id=row.pk,
        receiver=row.receiver,
        kind=row.kind,
        title=str(row.notice.get("title", "")),
        state=row.state,
        word=word,
        reason=reason,
        created_at=row.created_at,
        sent_at=row.sent_at,
        tries=tuple(tries),
    )
