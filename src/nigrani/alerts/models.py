"""Rules, their alerts, every change of state, and what became of telling each receiver."""

from __future__ import annotations

from django.db import models

STATES = ("ok", "pending", "firing", "recovering", "unknown")
KNOWN = ("known", "unknown", "too_little", "no_source")


class Rule(models.Model):
    """A rule of the guide as it runs here. Its text stays in the guide; this is its phase and its last pass.

    phase: "live" sends; "shadow" records what it would have sent. known and says: the last pass in a word and a
    sentence. unsettled_until: after the clock was set back, nothing is judged before this. gone_at: when the rule
    left the guide; None while it is there.
    """

    name = models.TextField(unique=True)
    phase = models.TextField(choices=[(each, each) for each in ("live", "shadow")])
    since = models.DateTimeField()
    promoted_by = models.TextField(default="")
    evaluated_at = models.DateTimeField(null=True)
    known = models.TextField(choices=[(each, each) for each in KNOWN], default="unknown")
    says = models.TextField(default="")
    unsettled_until = models.DateTimeField(null=True)
    gone_at = models.DateTimeField(null=True)


class Alert(models.Model):
    """A rule for one label set. Its name and labels are its identity, whatever the rule's text becomes.

    A rule without labels has its one row from the first pass on; a label set gets one when it first leaves ok.
    pending_since: when the present hold (to fire, or to be over) began. value, known and says are as of read_at.
    """

    rule = models.ForeignKey(Rule, on_delete=models.PROTECT, related_name="+")
    labels = models.JSONField(default=dict)
    key = models.TextField(unique=True)
    state = models.TextField(choices=[(each, each) for each in STATES], default="unknown")
    since = models.DateTimeField()
    pending_since = models.DateTimeField(null=True)
    value = models.FloatField(null=True)
    known = models.TextField(choices=[(each, each) for each in KNOWN], default="unknown")
    says = models.TextField(default="")
    read_at = models.DateTimeField()

    class Meta:
        indexes = (models.Index(fields=["rule"], name="alert_not_ok", condition=~models.Q(state="ok")),)


class Transition(models.Model):
    """One change of an alert's state and why. Never changed afterwards, but for `awaits`.

    awaits: it is to be told and nobody has decided yet what becomes of it.
    """

    alert = models.ForeignKey(Alert, on_delete=models.PROTECT, related_name="+")
    old = models.TextField()
    new = models.TextField()
    at = models.DateTimeField()
    because = models.TextField()
    value = models.FloatField(null=True)
    known = models.TextField()
    awaits = models.BooleanField(default=False)

    class Meta:
        indexes = (
            models.Index(fields=["id"], name="transition_awaits", condition=models.Q(awaits=True)),
            models.Index(fields=["-at"], name="transition_newest"),
        )


class Fate(models.Model):
    """What became of telling one receiver of one transition, and why. receiver "" is nobody: the reason says why.

    "queued" leads to a message, whose own attempts tell the rest; "not_sent" is final, but for what retelling.py says.
    """

    transition = models.ForeignKey(Transition, on_delete=models.PROTECT, related_name="+")
    receiver = models.TextField()
    fate = models.TextField(choices=[(each, each) for each in ("queued", "not_sent")])
    because = models.TextField()
    at = models.DateTimeField()
    message = models.ForeignKey("outbox.Message", null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = (models.UniqueConstraint(fields=["transition", "receiver"], name="one_fate_a_receiver"),)
