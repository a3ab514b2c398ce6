"""Keys for the JSON API: made, checked, revoked. A token is shown once; only its hash is kept."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from nigrani.lib.errors import NigraniError

from . import ledger
from .models import ApiToken, Person, Role
from .people import hashed

_PREFIX = "ngr_"
_TELL_USE_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class Bearer:
    """Who a good token speaks for. `role` is the token's, or the person's if that is less by now."""

    email: str
    role: Role
    token_name: str


def create(name: str, role: Role | str, *, by: Person, now: datetime) -> str:
    """Return a new token of a person. Raises NigraniError for a role beyond the person's own."""
    name = name.strip()
    if not name:
        raise NigraniError("The token needs a name.", "Write what it is for, for example: status board.")
    if not by.may(Role(role)):
        raise NigraniError(f"Your own role is less than {Role(role).label}.", "Choose a role you have yourself.")
    token = _PREFIX + secrets.token_urlsafe(32)
    with transaction.atomic():
        ApiToken.objects.create(
            token_hash=hashed(token), ending=token[-4:], name=name, person=by, role=Role(role), created_at=now
        )
        detail = {"role": Role(role).value, "ending": token[-4:]}
        ledger.record(by=by.email, action="access.token_made", what=name, detail=detail, now=now)
    return token


def check(token: str, *, now: datetime) -> Bearer | None:
    """Return who the token speaks for, or None when it is unknown, revoked, or its person has no access."""
    if not token.startswith(_PREFIX):
        return None
    kept = ApiToken.objects.select_related("person").filter(token_hash=hashed(token)).first()
    if kept is None or kept.revoked_at is not None or not kept.person.is_active:
        return None
    if kept.last_used_at is None or now - kept.last_used_at >= _TELL_USE_EVERY:
        seldom = Q(last_used_at=None) | Q(last_used_at__lt=now)
        ApiToken.objects.filter(seldom, pk=kept.pk).update(last_used_at=now)
    role = min(Role(kept.role), Role(kept.person.role), key=lambda each: each.rank)
    return Bearer(email=kept.person.email, role=role, token_name=kept.name)


def revoke(token: ApiToken, *, by: Person, now: datetime) -> None:
    """End a token, at once and for good. Revoking twice changes nothing."""
    with transaction.atomic():
        if ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now):
            detail = {"ending": token.ending, "of": token.person.email}
            ledger.record(by=by.email, action="access.token_revoked", what=token.name, detail=detail, now=now)
