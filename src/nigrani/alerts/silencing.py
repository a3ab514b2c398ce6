"""Silences and windows made by people: made as previewed, prolonged, shortened, ended. The ledger keeps who did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from django.core import signing
from django.db import transaction

from nigrani.access import ledger
from nigrani.guide import Guide
from nigrani.guide.reader import nearest
from nigrani.lib.errors import Conflict, NigraniError
from nigrani.lib.globs import fits
from nigrani.lib.units import show_duration

from .matching import Matchers
from .models import Silence
from .mutes import matchers

LONGEST = timedelta(days=30)
AHEAD_MAX = timedelta(days=90)
WHY_MAX = 500
_SALT = "nigrani.silence"
_SIGNED_FOR_S = 3600


@dataclass(frozen=True)
class Plan:
    """A silence before it is made. starts_at: of a window, when it begins; None: at once.

    lasts: how long, from its beginning. why: a sentence for those who wonder why they heard nothing.
    """

    kind: Literal["silence", "window"]
    matchers: Matchers
    why: str
    lasts: timedelta
    starts_at: datetime | None = None


def check(plan: Plan, guide: Guide, *, now: datetime) -> None:
    """Raise NigraniError with everything that is wrong with a plan, and the nearest names for those that are none."""
    found = list(_problems(plan, guide, now))
    if found:
        raise NigraniError("The silence can't be made." if plan.kind == "silence" else "The window can't be made.",
                           " ".join(f"{each}." for each in found))  # fmt: skip


def _problems(plan: Plan, guide: Guide, now: datetime) -> Iterator[str]:
    yield from plan.matchers.problems()
    for glob in plan.matchers.rules:
        if not any(fits(glob, name) for name in guide.alerts):
            yield f"No rule is called {glob[:60]!r}{_close(glob, guide.alerts)}"
    for name in plan.matchers.sources:
        if name not in guide.sources:
            yield f"No source is called {name[:60]!r}{_close(name, guide.sources)}"
    known = sorted({label for measure in guide.measures.values() for label in measure.by})
    for label in plan.matchers.labels:
        if label not in known:
            yield f"No measure has the label {label[:60]!r}{_close(label, known)}"
    if not plan.why.strip():
        yield "It has no reason: say why, for those who wonder why they heard nothing"
    if len(plan.why) > WHY_MAX:
        yield f"Its reason has {len(plan.why):,} characters; at most {WHY_MAX}"
    if plan.lasts <= timedelta():
        yield "It ends before it begins"
    if plan.lasts > LONGEST:
        yield f"It lasts {show_duration(plan.lasts)}; at most {show_duration(LONGEST)}"
    if plan.starts_at is not None and plan.starts_at - now > AHEAD_MAX:
        yield f"It begins in more than {AHEAD_MAX.days} days"
    if plan.starts_at is not None and plan.starts_at + plan.lasts <= now:
        yield "It is over already"


def _close(wrote: str, names: Any) -> str:
    close = nearest(wrote, names)
    return f" (nearest: {close})" if close else ""


def sign(plan: Plan) -> str:
    """Return the plan as text that only we can make, so that what was previewed is what is made."""
    return signing.dumps(msgspec.json.encode(plan).decode(), salt=_SALT, compress=True)


def signed(text: str) -> Plan:
    """Return a plan that was signed within the last hour. Raises NigraniError for any other text."""
    try:
        return msgspec.json.decode(signing.loads(text, salt=_SALT, max_age=_SIGNED_FOR_S), type=Plan)
    except signing.SignatureExpired:
        raise NigraniError("The preview is older than an hour.", "Look at it again.") from None
    except (signing.BadSignature, msgspec.MsgspecError):
        raise NigraniError("This is not what was previewed.", "Begin again with the form.") from None


@transaction.atomic
def add(plan: Plan, guide: Guide, *, by: str, now: datetime) -> Silence:
    """Make a silence or a window. Raises NigraniError with everything that is wrong with it."""
    check(plan, guide, now=now)
    starts_at = plan.starts_at if plan.starts_at is not None and plan.starts_at > now else now
    made = Silence.objects.create(
        kind=plan.kind,
        by=by,
        why=" ".join(plan.why.split()),
        rules=list(plan.matchers.rules),
        sources=list(plan.matchers.sources),
        labels={name: list(globs) for name, globs in plan.matchers.labels.items()},
        made_at=now,
        starts_at=starts_at,
        until=(plan.starts_at or now) + plan.lasts,
    )
    _note("made", made, by=by, now=now, why=made.why, until=made.until.isoformat())
    return made


@transaction.atomic
def end(number: int, *, by: str, now: datetime) -> Silence:
    """End a silence now; what it muted and still fires is told. Others go on. Raises NigraniError, Conflict."""
    row = _open(number, now)
    before, row.until, row.ended_by = row.until, now, by
    row.save(update_fields=["until", "ended_by"])
    _note("ended", row, by=by, now=now, would_have_lasted_until=before.isoformat())
    return row


@transaction.atomic
def move(number: int, until: datetime, *, by: str, now: datetime) -> Silence:
    """Let a silence end sooner or later than said. Raises NigraniError, Conflict."""
    row = _open(number, now)
    if until <= max(now, row.starts_at):
        raise NigraniError("That moment is over, or lies before its beginning.", "To end it now, end it.")
    if until - max(now, row.starts_at) > LONGEST:
        raise NigraniError(f"That is more than {LONGEST.days} days from now.", "Choose an earlier end.")
    before, row.until = row.until, until
    row.save(update_fields=["until"])
    longer = "prolonged" if until > before else "shortened"
    _note(longer, row, by=by, now=now, before=before.isoformat(), until=until.isoformat())
    return row


def _open(number: int, now: datetime) -> Silence:
    row = Silence.objects.select_for_update().filter(pk=number).first() if 0 < number < 2**63 else None
    if row is None:
        raise NigraniError(f"There is no silence {number}.", "List them with: nigrani silence")
    if row.over_at is not None or row.until <= now:
        raise Conflict(f"Silence {number} is over already.", "Make a new one if it is still wanted.")
    return row


def _note(verb: str, row: Silence, *, by: str, now: datetime, **detail: str) -> None:
    matched = str(matchers(row))
    ledger.record(
        by=by, action=f"{row.kind}.{verb}", what=f"{row.kind} {row.pk}", detail={"matches": matched, **detail}, now=now
    )
