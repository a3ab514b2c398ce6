"""Sources and their probes, as rows that follow the guide."""

from __future__ import annotations

from datetime import timedelta

from django.db import models

from nigrani.lib.due import DueRow

from .state import BELIEFS, OUTCOMES


class Source(models.Model):
    """A system of the guide. A usable answer says something about the system, be it good or bad.

    last_ok_at: its last usable answer, by any probe. last_fail_at: when we last could not ask or not see.
    answers, failures: how often each happened. gone_at: when it left the guide; None while it is there.
    """

    name = models.TextField(unique=True)
    kind = models.TextField()
    created_at = models.DateTimeField()
    gone_at = models.DateTimeField(null=True)
    last_ok_at = models.DateTimeField(null=True)
    last_fail_at = models.DateTimeField(null=True)
    answers = models.BigIntegerField(default=0)
    failures = models.BigIntegerField(default=0)


class Probe(DueRow):
    """One question and what is believed of its answer.

    state: what is believed. suspect: the last usable answer contradicts it. since: when it was believed first.
    last_outcome: ok (as it should be), fail (the system's fault), blind (we could not see), absent (it has nothing to
    say to this question). last_failure: the closed word of a failure; when blind, the kind of error: unreachable,
    refused, throttled, unreadable, cut_off. blind_since: when we last began not to see; None while we see.
    last_ms: what the whole answer took. memory: what the integration keeps from one answer to the next.
    cost_ms: what an answer costs the system, smoothed. pace: how often it is really asked while the source's budget
    is spent; None while that is `every`.
    """

    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="+")
    probe = models.TextField()
    every = models.DurationField(default=timedelta(seconds=15))
    gone_at = models.DateTimeField(null=True)
    state = models.TextField(choices=[(each, each) for each in BELIEFS], default="new")
    suspect = models.BooleanField(default=False)
    since = models.DateTimeField()
    last_at = models.DateTimeField(null=True)
    last_ok_at = models.DateTimeField(null=True)
    last_outcome = models.TextField(choices=[(each, each) for each in OUTCOMES], default="", blank=True)
    last_failure = models.TextField(default="")
    last_detail = models.TextField(default="")
    last_ms = models.FloatField(null=True)
    blind_since = models.DateTimeField(null=True)
    memory = models.JSONField(null=True)
    cost_ms = models.FloatField(default=0)
    pace = models.DurationField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["source", "probe"], name="probe_once_a_source"),)
