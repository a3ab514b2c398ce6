"""What is done with persons: invite, accept, sign in and out, change a role, take access away."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from hashlib import sha256

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection, transaction

from nigrani.lib.errors import Conflict, NigraniError
from nigrani.lib.units import show_duration

from . import ledger
from .models import Invite, LoginAttempt, Person, Role

INVITE_LASTS = timedelta(hours=24)
THROTTLE_WINDOW = timedelta(minutes=15)
THROTTLE_AFTER = 5  # failures within the window


class NotSignedIn(NigraniError):
    """The sign-in was refused; the sentence does not tell whether the address is known."""


class TooMany(NotSignedIn):
    """There were too many failures for this address from this IP; the hint says when to try again."""


def hashed(token: str) -> str:
    """Return what is kept of a token. Tokens are long and random, so a plain digest can't be turned back."""
    return sha256(token.encode()).hexdigest()


def invite(role: Role | str, *, by: str, now: datetime) -> str:
    """Return the token of a new invitation. It is shown once: only its hash is kept."""
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        made = Invite.objects.create(
            token_hash=hashed(token),
            role=Role(role),
            invited_by=by,
            created_at=now,
            expires_at=now + INVITE_LASTS,
        )
        ledger.record(by=by, action="access.invited", what=f"invite {made.pk}", detail={"role": made.role}, now=now)
    return token


def find_invite(token: str, *, now: datetime) -> Invite | None:
    """Return the open invitation of a token, or None when it is unknown, used or expired."""
    found = Invite.objects.filter(token_hash=hashed(token)).first()
    return found if found and found.is_open(now) else None


def accept(token: str, email: str, name: str, password: str, *, now: datetime) -> Person:
    """Make the invited person and use the invitation up.

    Raises NigraniError when the invitation is no longer good, or the address, name or password won't do.
    """
    email, name = email.strip().lower(), name.strip()
    _check_person(email, name, password)
    with transaction.atomic():
        found = Invite.objects.select_for_update().filter(token_hash=hashed(token)).first()
        if found is None or not found.is_open(now):
            raise NigraniError("This invitation is not good any more.", "Ask an admin for a new one.")
        if Person.objects.filter(email=email).exists():
            raise Conflict("Somebody with this e-mail address is already here.", "Sign in, or use another address.")
        person = Person(email=email, name=name, role=found.role, joined_at=now)
        person.set_password(password)
        person.save()
        found.used_at, found.used_by = now, person
        found.save(update_fields=["used_at", "used_by"])
        detail = {"invite": found.pk, "role": found.role}
        ledger.record(by=email, action="access.joined", what=email, detail=detail, now=now)
    return person


def _check_person(email: str, name: str, password: str) -> None:
    try:
        validate_email(email)
    except ValidationError:
        raise NigraniError("This is no e-mail address.", "Write it as name@example.org.") from None
    if not name:
        raise NigraniError("A name is missing.", "Write how the others call you.")
    try:
        validate_password(password)
    except ValidationError as error:
        raise NigraniError("This password won't do.", " ".join(error.messages)) from None


def sign_in(email: str, password: str, *, ip: str, now: datetime) -> Person:
    """Return the person whose password it is. Takes as long for an unknown address as for a known one.

    The attempt is written down before the password is looked at, so that many at once can't slip through.
    Raises NotSignedIn, or its kind TooMany when there were too many attempts.
    """
    email = email.strip().lower()
    tries = _begin_attempt(email, ip, now=now)
    person = Person.objects.filter(email=email, is_active=True).first()
    if person is None:
        make_password(password)
        right = False
    else:
        right = person.check_password(password)
    if not right or person is None:
        if tries == THROTTLE_AFTER:
            ledger.record(by=email, action="access.throttled", what=email, detail={"ip": ip}, now=now)
        raise NotSignedIn("The e-mail address or the password is wrong.")
    with transaction.atomic():
        LoginAttempt.objects.filter(email=email, ip=ip).delete()
        ledger.record(by=email, action="access.signed_in", what=email, detail={"ip": ip}, now=now)
    return person


def forget_old(*, now: datetime) -> int:
    """Remove sessions that are over and attempts that no longer count. Returns how many rows went."""
    sessions, _ = Session.objects.filter(expire_date__lte=now).delete()
    attempts, _ = LoginAttempt.objects.filter(at__lte=now - THROTTLE_WINDOW).delete()
    return sessions + attempts


def _begin_attempt(email: str, ip: str, *, now: datetime) -> int:
    """Write an attempt down and return how many there are within the window, this one included."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"sign-in {email} {ip}"])
        LoginAttempt.objects.filter(at__lte=now - THROTTLE_WINDOW).delete()
        before = list(LoginAttempt.objects.filter(email=email, ip=ip).order_by("at").values_list("at", flat=True))
        if len(before) < THROTTLE_AFTER:
            LoginAttempt.objects.create(email=email, ip=ip, at=now)
            return len(before) + 1
    free_in = before[0] + THROTTLE_WINDOW - now
    raise TooMany("There were too many attempts to sign in.", f"Try again in {show_duration(free_in)}.")


def sign_out(person: Person, *, now: datetime) -> None:
    """Write down that somebody signed out."""
    ledger.record(by=person.email, action="access.signed_out", what=person.email, detail={}, now=now)


def change_role(person: Person, role: Role | str, *, by: Person, now: datetime) -> None:
    """Give a person another role. Raises NigraniError if nobody would be left who may decide."""
    role = Role(role)
    with transaction.atomic():
        held = _held(person)
        if held.role == role:
            return
        if role is not Role.ADMIN:
            _keep_an_admin(held)
        detail = {"from": held.role, "to": role.value}
        held.role = role
        held.save(update_fields=["role"])
        ledger.record(by=by.email, action="access.role_changed", what=held.email, detail=detail, now=now)


def take_away(person: Person, *, by: Person, now: datetime) -> None:
    """End a person's access: their sessions and tokens stop at once; what they did stays in the ledger."""
    with transaction.atomic():
        held = _held(person)
        _keep_an_admin(held)
        held.is_active = False
        held.save(update_fields=["is_active"])
        ledger.record(by=by.email, action="access.taken_away", what=held.email, detail={}, now=now)


def give_back(person: Person, *, by: Person, now: datetime) -> None:
    """Let a person in again, with the role and the password they had."""
    with transaction.atomic():
        held = _held(person)
        held.is_active = True
        held.save(update_fields=["is_active"])
        ledger.record(by=by.email, action="access.given_back", what=held.email, detail={}, now=now)


def _held(person: Person) -> Person:
    """Lock every admin (in one order, so that two admins can't demote each other) and the person; return it anew."""
    list(Person.objects.select_for_update().filter(role=Role.ADMIN).order_by("pk").values_list("pk"))
    return Person.objects.select_for_update().get(pk=person.pk)


def _keep_an_admin(leaving: Person) -> None:
    others = Person.objects.filter(role=Role.ADMIN, is_active=True).exclude(pk=leaving.pk)
    if leaving.role == Role.ADMIN and leaving.is_active and not others.exists():
        raise NigraniError("Nobody would be left who may decide.", "Make somebody else an admin first.")
