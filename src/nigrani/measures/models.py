"""How far each measure has been computed, and the one live verdict of every item of the guide."""

from __future__ import annotations

from django.db import models


class Watermark(models.Model):
    """How far one measure's readings go.

    sql_hash: of the text they were computed with; another text begins anew. received_to: facts received before this
    are in. filled_from: minutes from here on are computed. read_at: when readings were last written, None before the
    first pass. failing_since and error: why its SQL fails now, if it does.
    """

    measure = models.TextField(unique=True)
    sql_hash = models.TextField()
    received_to = models.DateTimeField()
    filled_from = models.DateTimeField()
    read_at = models.DateTimeField(null=True)
    tried_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    error = models.TextField(default="")


class Verdict(models.Model):
    """The live result of one item: `check:uptime`, `kpi:availability`, `alert:system-down`, `measure:login_share`.

    met: whether the promise is kept (for an alert: whether it is quiet); None while it can't be told.
    says: the finding in words, with its numbers.
    """

    item = models.TextField(unique=True)
    at = models.DateTimeField()
    known = models.TextField()
    value = models.FloatField(null=True)
    met = models.BooleanField(null=True)
    says = models.TextField(default="")
