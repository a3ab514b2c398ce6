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


class Feed(DueRow):
    """A table of a watched system that is read on and on, and how far it was read.

    cursor, cursor_id: the newest row that is in the journal; everything older was read. read_to: everything written
    before this instant was read; while the past is caught up with, that is the cursor. is_caught_up: no more rows
    waited when it was last read. last_ok_at: when it last could be read. failing_since, error, error_kind: why not now.
    rows: taken in so far. late: of them, those that came later than the overlap; late_by: the latest of them.
    rejected: rows that can't be facts, by reason. ahead, timeless: rows there now that lie in the future or nowhere.
    swept_at: when late rows were last looked for. last_rows, last_ms: of the last turn, as the database told.
    """

    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="+")
    feed = models.TextField()
    every = models.DurationField(default=timedelta(seconds=15))
    since = models.DateTimeField()
    gone_at = models.DateTimeField(null=True)
    cursor = models.DateTimeField(null=True)
    cursor_id = models.TextField(default="")
    read_to = models.DateTimeField(null=True)
    is_caught_up = models.BooleanField(default=False)
    last_ok_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    error = models.TextField(default="")
    error_kind = models.TextField(default="")
    rows = models.BigIntegerField(default=0)
    late = models.BigIntegerField(default=0)
    late_by = models.DurationField(default=timedelta())
    rejected = models.JSONField(default=dict)
    ahead = models.IntegerField(default=0)
    timeless = models.IntegerField(default=0)
    swept_at = models.DateTimeField(null=True)
    last_rows = models.IntegerField(default=0)
    last_ms = models.FloatField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["source", "feed"], name="feed_once_a_source"),)


class Gap(models.Model):
    """A span in which a feed was not read, from the last good reading to the return.

    filled_at: when its rows had been caught up with. lost_to: rows written before this were gone by then (None: none).
    because: why it was not read.
    """

    feed = models.ForeignKey(Feed, on_delete=models.PROTECT, related_name="+")
    start = models.DateTimeField()
    end = models.DateTimeField()
    filled_at = models.DateTimeField(null=True)
    lost_to = models.DateTimeField(null=True)
    because = models.TextField(default="")
