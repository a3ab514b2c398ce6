"""What the pages about people, tokens and the ledger show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .models import ApiToken, Invite, LedgerLine, Person


@dataclass(frozen=True)
class PersonView:
    """A person as shown to admins."""

    id: int
    email: str
    name: str
    role: str
    is_active: bool
    joined_at: datetime
    last_login: datetime | None


@dataclass(frozen=True)
class InviteView:
    """An invitation that can still be accepted. again: the address of whom it gives a new password, else ""."""

    id: int
    role: str
    again: str
    invited_by: str
    expires_at: datetime


@dataclass(frozen=True)
class TokenView:
    """An API token without the token."""

    id: int
    name: str
    ending: str
    email: str
    role: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True)
class LineView:
    """A line of the ledger."""

    seq: int
    at: datetime
    by: str
    action: str
    what: str
    detail: dict[str, Any]
    mac: str


def people() -> list[PersonView]:
    """Return everybody, those with access first, by name."""
    rows = Person.objects.order_by("-is_active", "name", "email")
    return [
        PersonView(p.pk, p.email, p.name, p.role, p.is_active, p.joined_at, p.last_login) for p in rows
    ]  # fmt: skip


def open_invites(now: datetime) -> list[InviteView]:
    """Return invitations that can still be accepted, the one that expires first on top."""
    rows = Invite.objects.select_related("person").filter(used_at=None, expires_at__gt=now).order_by("expires_at")
    return [
        InviteView(row.pk, row.role, row.person.email if row.person else "", row.invited_by, row.expires_at)
        for row in rows
    ]


def tokens() -> list[TokenView]:
    """Return every token ever made, good ones first, the newest on top."""
    rows = ApiToken.objects.select_related("person").order_by("-created_at", "-pk")
    views = [
        TokenView(
            row.pk, row.name, row.ending, row.person.email, row.role, row.created_at, row.last_used_at, row.revoked_at
        )
        for row in rows
    ]
    return sorted(views, key=lambda view: view.revoked_at is not None)


def ledger_lines(*, before: int | None = None, limit: int = 50) -> list[LineView]:
    """Return the ledger's lines, newest first; those with a number below `before`, when it is given."""
    rows = LedgerLine.objects.order_by("-seq")
    if before is not None:
        rows = rows.filter(seq__lt=before)
    return [LineView(r.seq, r.at, r.by, r.action, r.what, r.detail, r.mac) for r in rows[:limit]]


def anybody() -> bool:
    """Whether there is a person at all: a fresh installation has none."""
    return Person.objects.exists()
