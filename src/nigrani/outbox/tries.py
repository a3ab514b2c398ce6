"""One try to send one message: the intention in one transaction, the call in none, the outcome in another.

Whatever dies between them leaves the message `sending` under a lease; when that runs out, the try counts as
uncertain and the message is sent again, marked as a possible repeat.
"""

from __future__ import annotations

import logging
import queue
import threading
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from nigrani import integrations
from nigrani.guide.model import Receiver
from nigrani.integrations import Receipt
from nigrani.lib import clock
from nigrani.lib.errors import SourceError, Throttled, Unreachable, Unreadable
from nigrani.lib.secret import Secret

from . import notices, state
from .models import Attempt, Message

log = logging.getLogger(__name__)

TIMEOUT = timedelta(seconds=10)
GRACE = timedelta(seconds=5)  # for a sender that does not keep its timeout
LEASE = timedelta(seconds=60)  # longer than both together and two transactions
DETAIL_MAX = 500


@dataclass(frozen=True)
class Try:
    """A try under way: the message, its number among the message's tries, and its row."""

    message: Message
    number: int
    attempt: Attempt


def begin(message: Message, *, now: datetime) -> Try:
    """Write that the message is about to be sent. The caller holds its lease."""
    with transaction.atomic():
        held = Message.objects.select_for_update().get(pk=message.pk)
        if held.state == "sending":
            Attempt.objects.filter(message=held, outcome="").update(
                outcome="uncertain", ended_at=now, detail="We stopped while it was being sent: it may have arrived."
            )
            held.possible_repeat = True
        held.state, held.tries = "sending", held.tries + 1
        held.save(update_fields=["state", "tries", "possible_repeat"])
        attempt = Attempt.objects.create(message=held, receiver=held.receiver, at=now)
    return Try(held, held.tries, attempt)


def call(receiver: Receiver, message: Message) -> Receipt | SourceError:
    """Send the message, now, and return what came of it. Never raises, and returns in TIMEOUT and a grace.

    The sender runs in a thread that is left behind if it hangs: what it may still do is why this is uncertain.
    """
    answers: queue.SimpleQueue[Receipt | SourceError] = queue.SimpleQueue()

    def send() -> None:
        try:
            sender = integrations.find(receiver.kind).sender
            notice = notices.loaded(message.notice, repeat=message.possible_repeat)
            answers.put(sender.send(receiver.config, notice, key=message.key, timeout=TIMEOUT))
        except SourceError as error:
            answers.put(error)
        except Exception as error:
            # A mistake in one sender must not stop the others; its text may quote a secret, so only its type is kept.
            answers.put(Unreadable(f"Sending by {receiver.kind} failed inside us: {type(error).__name__}."))

    threading.Thread(target=send, name=f"send to {receiver.name}", daemon=True).start()
    try:
        return answers.get(timeout=(TIMEOUT + GRACE).total_seconds())
    except queue.Empty:
        return Unreachable(f"Sending by {receiver.kind} did not end in time.", uncertain=True)


def record(
    made: Try, came: Receipt | SourceError, receiver: Receiver, *, now: datetime, is_last: bool = False
) -> state.Outcome:
    """Write what came of the try and what follows. is_last: there is to be no further try."""
    outcome: state.Outcome = "sent" if isinstance(came, Receipt) else state.outcome_of(came)
    told = _without_secrets(_told(came), receiver.config)
    retry_at = _allowed_at(came, tries=made.number, now=now) if isinstance(came, Throttled) else None
    with transaction.atomic():
        held = Message.objects.select_for_update().get(pk=made.message.pk)
        # Ours may have been closed as uncertain meanwhile, if our lease ran out: now more is known.
        Attempt.objects.filter(pk=made.attempt.pk).update(outcome=outcome, ended_at=now, detail=told, retry_at=retry_at)
        if outcome == "sent":
            _sent(held, told, now=now)
        elif held.state == "sending" and held.tries == made.number:
            _not_sent(held, outcome, told, now=now, retry_at=retry_at, is_last=is_last)
    return outcome


def _sent(held: Message, receipt: str, *, now: datetime) -> None:
    if held.state != "sent":
        held.state, held.sent_at, held.receipt = "sent", now, receipt
        held.next_at = held.leased_until = None
        held.save(update_fields=["state", "sent_at", "receipt", "next_at", "leased_until"])


def _not_sent(
    held: Message, outcome: state.Outcome, told: str, *, now: datetime, retry_at: datetime | None, is_last: bool
) -> None:
    after = state.follow(outcome, tries=held.tries, created_at=held.created_at, now=now, retry_at=retry_at)
    if is_last and after.state == "queued":
        after = state.Next("failed", None, "it was to be tried once")
    held.state, held.next_at, held.leased_until, held.error = after.state, after.at, None, told
    held.possible_repeat = held.possible_repeat or outcome in state.MAY_HAVE_ARRIVED
    held.save(update_fields=["state", "next_at", "leased_until", "error", "possible_repeat"])
    if after.state != "queued":
        log.error(
            "A message to %s is lost: %s.", held.receiver, after.because,
            extra={"action": f"outbox.{after.state}", "message_id": held.pk, "tries": held.tries, "detail": told},
        )  # fmt: skip


def _allowed_at(throttled: Throttled, *, tries: int, now: datetime) -> datetime:
    # The sender reckoned by the clock; `now` may be another one's, which runs at the same pace.
    asked = None if throttled.retry_at is None else throttled.retry_at - clock.now() + now
    return state.allowed_at(asked, tries=tries, now=now)


def _told(came: Receipt | SourceError) -> str:
    if isinstance(came, Receipt):
        return " ".join(part for part in (came.id, came.answer) if part)
    return str(came)


def _without_secrets(text: str, config: Any) -> str:
    """Return the text without any secret of the receiver's, should a sender ever let one through."""
    if is_dataclass(config):
        for each in fields(config):
            secret = getattr(config, each.name)
            if isinstance(secret, Secret) and secret:
                text = text.replace(secret.reveal(), "…")
    return text[:DETAIL_MAX]
