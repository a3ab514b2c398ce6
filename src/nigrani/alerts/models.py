"""Rules, their alerts, every change of state, and what became of telling each receiver."""

from __future__ import annotations

from django.db import models

from nigrani.lib.due import DueRow

STATES = ("ok", "pending", "firing", "recovering", "unknown")
KNOWN = ("known", "unknown", "too_little", "no_source")
KINDS = ("change", "again", "reminder", "wider", "released", "together", "freed", "settled")


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
    worst: the value furthest beyond the level since it last began to fire; kept when it is over.
    level: the urgency of its present level while it is loud, else "". higher: where the levels above the mildest
    stand that are not ok, `{"critical": ["pending", "2026-03-01T10:00:00+00:00"]}`; state is that of the mildest.
    flapping_since: since when it changes so often that its changes are not told; None while it does not.
    """

    rule = models.ForeignKey(Rule, on_delete=models.PROTECT, related_name="+")
    labels = models.JSONField(default=dict)
    key = models.TextField()
    state = models.TextField(choices=[(each, each) for each in STATES], default="unknown")
    level = models.TextField(default="")
    higher = models.JSONField(default=dict)
    since = models.DateTimeField()
    pending_since = models.DateTimeField(null=True)
    value = models.FloatField(null=True)
    worst = models.FloatField(null=True)
    known = models.TextField(choices=[(each, each) for each in KNOWN], default="unknown")
    says = models.TextField(default="")
    read_at = models.DateTimeField()
    flapping_since = models.DateTimeField(null=True)

    class Meta:
        # Not `unique=True`, by which Django makes a second index for LIKE, that every alert of a storm would pay for.
        constraints = (models.UniqueConstraint(fields=["key"], name="one_alert_a_key"),)
        indexes = (
            models.Index(fields=["rule"], name="alert_not_ok", condition=~models.Q(state="ok")),
            models.Index(fields=["id"], name="alert_flaps", condition=models.Q(flapping_since__isnull=False)),
        )


class Transition(models.Model):
    """One change of an alert's state or level and why. Never changed afterwards, but for `awaits`.

    old_level and level: the urgency of its level before and after, "" where it is not loud. When only the level
    changed, old and new are both firing or both recovering.

    awaits: it is to be told and nobody has decided yet what becomes of it. worst: the alert's, as it was then.
    """

    alert = models.ForeignKey(Alert, on_delete=models.PROTECT, related_name="+")
    old = models.TextField()
    new = models.TextField()
    old_level = models.TextField(default="")
    level = models.TextField(default="")
    at = models.DateTimeField()
    because = models.TextField()
    value = models.FloatField(null=True)
    worst = models.FloatField(null=True)
    known = models.TextField()
    awaits = models.BooleanField(default=False)

    class Meta:
        indexes = (
            models.Index(fields=["id"], name="transition_awaits", condition=models.Q(awaits=True)),
            models.Index(fields=["-at"], name="transition_newest"),
        )


class Fate(models.Model):
    """One decision about telling one receiver of one transition, and why. Never changed afterwards.

    receiver "" is nobody: the reason says why. "queued" leads to a message, whose own attempts tell the rest.
    kind: "change" is the first decision, when the alert changed; "again" tells what had reached nobody; "reminder" is
    that it fires still, "wider" the same to people who are asked next, "released" that what muted it is over. All but
    the first lean on the transition with which the alert began to fire, and are counted by `turn`.
    "together" tells it in a later message of its thread, "freed" after its cause was over, "settled" that it stopped
    flapping.
    muted_by: what kept it back and will let it go again: "silence:12", "thread:3", "cause:7" and "pending:7" (both of
    an alert), "flapping"; "" when nothing did. waits: by one of these four, and nothing followed yet; the one thing
    that changes afterwards.
    """

    # Found by the constraint's index, which begins with it.
    transition = models.ForeignKey(Transition, on_delete=models.PROTECT, related_name="+", db_index=False)
    receiver = models.TextField()
    kind = models.TextField(choices=[(each, each) for each in KINDS], default="change")
    turn = models.IntegerField(default=0)
    fate = models.TextField(choices=[(each, each) for each in ("queued", "not_sent")])
    because = models.TextField()
    muted_by = models.TextField(default="")
    waits = models.BooleanField(default=False)
    at = models.DateTimeField()
    message = models.ForeignKey("outbox.Message", null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["transition", "receiver", "kind", "turn"], name="one_fate_a_turn"),
        )
        indexes = (models.Index(fields=["muted_by"], name="fate_waits", condition=models.Q(waits=True)),)


class Thread(models.Model):
    """What one receiver is told of one rule, from the first alert that fires to the last that is over.

    told_at: its last message's. count: how many it had. effects: how many muted alerts of which effect it has listed.
    over_at: when the last was over; None while one fires.
    """

    rule = models.ForeignKey(Rule, on_delete=models.PROTECT, related_name="+")
    receiver = models.TextField()
    opened_at = models.DateTimeField()
    told_at = models.DateTimeField()
    over_at = models.DateTimeField(null=True)
    count = models.IntegerField(default=0)
    last = models.ForeignKey("outbox.Message", null=True, on_delete=models.PROTECT, related_name="+")
    effects = models.JSONField(default=dict)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["rule", "receiver"], name="one_open_thread", condition=models.Q(over_at__isnull=True)
            ),
        )


class Silence(models.Model):
    """What mutes the messages of the alerts it matches from starts_at to `until`, and never their state.

    kind: "silence" begins when it is made; "window" is maintenance, which may lie ahead. key: of an occurrence of the
    guide's own windows, "name@instant"; None for what a person made. by: who; for the guide's, where it stands.
    rules, sources, labels: matching.py says what they match. ended_by: who ended it early, or "".
    over_at: when its end was followed, and what still fired was told. Set once: a clock set back wakes no silence.
    """

    kind = models.TextField(choices=[(each, each) for each in ("silence", "window")])
    key = models.TextField(null=True, unique=True)
    by = models.TextField()
    why = models.TextField()
    rules = models.JSONField(default=list)
    sources = models.JSONField(default=list)
    labels = models.JSONField(default=dict)
    made_at = models.DateTimeField()
    starts_at = models.DateTimeField()
    until = models.DateTimeField()
    ended_by = models.TextField(default="")
    over_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (models.Index(fields=["until"], name="silence_open", condition=models.Q(over_at__isnull=True)),)


class Reminder(DueRow):
    """When an alert that fires is told of next, as long as it fires. Gone with the alert's end.

    transition: the one with which it began to fire. turn: how many times it was decided; paced: how many of them were
    reminders, by which the pace goes on. stage: how many people beyond the owner are told by now. held: what keeps it
    back at present, or did so until now, in words; "" when nothing does. decided_at: when next_at was set.
    """

    alert = models.OneToOneField(Alert, on_delete=models.CASCADE, related_name="+")
    transition = models.ForeignKey(Transition, on_delete=models.PROTECT, related_name="+")
    turn = models.IntegerField(default=0)
    paced = models.IntegerField(default=0)
    stage = models.IntegerField(default=0)
    held = models.TextField(default="")
    decided_at = models.DateTimeField()
