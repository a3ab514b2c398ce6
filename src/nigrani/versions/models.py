"""The texts of the guide, one row for each that was offered."""

from __future__ import annotations

from django.db import models

STATES = ("standing", "waiting", "refused", "withdrawn", "superseded")


class Version(models.Model):
    """One text of the guide: what became of it, why, and who did it.

    place: the machine and folder it was read from; is_shipped: that was the guide that ships. texts: file name -> text,
    `${NAME}`s unexpanded; without the files of a refused text that is very large. release: the Nigrani that kept it.
    over: the number of the version that stood when this one was offered. changes, reasons and mistakes: what differs
    from that one, why it waits, why it was refused. decided_by and decided_at: who let it stand, or withdrew it.
    because: why it was withdrawn. held_at, held_by: when which place was last seen to hold it; None when none does any
    more.
    """

    number = models.PositiveIntegerField(unique=True)
    digest = models.TextField()
    release = models.TextField()
    place = models.TextField()
    folder = models.TextField()
    is_shipped = models.BooleanField(default=False)
    texts = models.JSONField(default=dict)
    author = models.TextField()
    at = models.DateTimeField()
    state = models.TextField(choices=[(each, each) for each in STATES])
    over = models.PositiveIntegerField(null=True)
    changes = models.JSONField(default=list)
    reasons = models.JSONField(default=list)
    mistakes = models.JSONField(default=list)
    because = models.TextField(default="")
    decided_by = models.TextField(default="")
    decided_at = models.DateTimeField(null=True)
    held_at = models.DateTimeField(null=True)
    held_by = models.TextField(default="")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["state"], name="one_version_stands", condition=models.Q(state="standing")),
            models.UniqueConstraint(fields=["state"], name="one_version_waits", condition=models.Q(state="waiting")),
        )
        indexes = (
            models.Index(fields=["-number"], name="version_newest"),
            models.Index(fields=["digest"], name="version_digest"),
        )
