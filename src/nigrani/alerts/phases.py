"""Live or in shadow: a person decides, and the ledger keeps who did."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from nigrani.access import ledger
from nigrani.lib.errors import NigraniError

from .models import Rule


def promote(rule: str, *, by: str, now: datetime) -> Rule:
    """Let a rule send from its next transition on. Raises NigraniError if there is no such rule.

    What fires already was decided in shadow and stays unsent. Promoting a live rule changes nothing.
    """
    return _move(rule, "live", by=by, now=now)


def demote(rule: str, *, by: str, now: datetime) -> Rule:
    """Let a rule only record what it would have sent. Who was told of a firing alert still hears of its end."""
    return _move(rule, "shadow", by=by, now=now)


def _move(name: str, phase: str, *, by: str, now: datetime) -> Rule:
    with transaction.atomic():
        rule = Rule.objects.select_for_update().filter(name=name).first()
        if rule is None:
            raise NigraniError(f"There is no rule {name!r}.", "See them with: nigrani alert")
        if rule.phase == phase:
            return rule
        before, rule.phase, rule.since = rule.phase, phase, now
        rule.promoted_by = by if phase == "live" else ""
        rule.save(update_fields=["phase", "since", "promoted_by"])
        did = "alert.promoted" if phase == "live" else "alert.demoted"
        ledger.record(by=by, action=did, what=f"rule {name}", detail={"from": before, "to": phase}, now=now)
    return rule
