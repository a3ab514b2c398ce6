"""Surveys as rows: asked for by a person or by the calendar, carried out by whoever claims them."""

from __future__ import annotations

from django.db import models

from nigrani.lib.due import DueRow

OPEN = ("planned", "running")


class Survey(DueRow):
    """One survey. Its number is its id.

    state: planned, running, done, failed. daily: planned by the calendar. tries: may ask what does more than look.
    done, of: questions asked so far, of how many. begun: how often somebody began it. error: why it failed.
    report: as report.Report has it; None before it is done. found, unseen: how many findings it has, and how many could
    not be looked for. fresh: how many of those found the survey before it did not have.
    """

    by = models.TextField()
    daily = models.BooleanField(default=False)
    tries = models.BooleanField(default=False)
    state = models.TextField(choices=[(each, each) for each in (*OPEN, "done", "failed")])
    asked_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    done = models.IntegerField(default=0)
    of = models.IntegerField(default=0)
    begun = models.IntegerField(default=0)
    error = models.TextField(default="")
    report = models.JSONField(null=True)
    found = models.IntegerField(default=0)
    unseen = models.IntegerField(default=0)
    fresh = models.IntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["daily"], condition=models.Q(state__in=OPEN), name="one_open_survey"),
        )
