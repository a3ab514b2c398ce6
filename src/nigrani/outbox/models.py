"""The room's rows: messages and the tries to send them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from nigrani.lib.due import DueRow

from .state import UNFINISHED

STATES = ("queued", "sending", "sent", "failed", "given_up")
OUTCOMES = ("", "sent", "throttled", "refused", "unreachable", "uncertain", "unreadable")


class Message(DueRow):
    """One notice for one receiver. While a try is under way its state is `sending` and it stays due, under a lease.

    key: the same for every try; two messages with one key are one message. thread: messages of one receiver and
    thread are sent in the order they came, so that "resolved" never overtakes "firing".
    notice: an integrations.Notice as JSON. possible_repeat: an earlier try may have arrived, so the next says so.
    receipt: what proves the delivery. error: what the last failed try came to.
    """

    key = models.TextField(unique=True)
    receiver = models.TextField()
    thread = models.TextField(default="")
    kind = models.TextField()
    notice = models.JSONField()
    state = models.TextField(default="queued")
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    tries = models.IntegerField(default=0)
    possible_repeat = models.BooleanField(default=False)
    receipt = models.TextField(default="")
    error = models.TextField(default="")

    class Meta:
        indexes = (
            models.Index(fields=["receiver", "thread", "id"], name="outbox_thread", condition=Q(state__in=UNFINISHED)),
            models.Index(fields=["-created_at"], name="outbox_latest"),
        )
        constraints = (
            models.CheckConstraint(name="outbox_state_known", condition=Q(state__in=STATES)),
            models.CheckConstraint(
                name="outbox_due_while_unfinished",
                condition=Q(state__in=UNFINISHED, next_at__isnull=False)
                | ~Q(state__in=UNFINISHED) & Q(next_at__isnull=True),
            ),
            models.CheckConstraint(
                name="outbox_sent_at_when_sent",
                condition=Q(state="sent", sent_at__isnull=False) | ~Q(state="sent") & Q(sent_at__isnull=True),
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} to {self.receiver} ({self.state})"


class Attempt(models.Model):
    """One try to send a message, written before the call. `outcome` is "" while it is under way.

    retry_at: when the far end allows the next message, if it asked us to wait.
    """

    message = models.ForeignKey(Message, on_delete=models.PROTECT, related_name="+")
    receiver = models.TextField()
    at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    outcome = models.TextField(default="")
    detail = models.TextField(default="")
    retry_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (models.Index(fields=["receiver", "-id"], name="outbox_attempt_latest"),)
        constraints = (
            models.CheckConstraint(name="outbox_outcome_known", condition=Q(outcome__in=OUTCOMES)),
            models.CheckConstraint(
                name="outbox_attempt_ends_with_outcome",
                condition=Q(outcome="", ended_at__isnull=True) | ~Q(outcome="") & Q(ended_at__isnull=False),
            ),
            models.UniqueConstraint(fields=["message"], condition=Q(outcome=""), name="outbox_one_try_at_a_time"),
        )

    def __str__(self) -> str:
        return f"try at {self.at}: {self.outcome or 'under way'}"
