"""What is done with persons: invite, accept, sign in and out, change a password or a role, take access away."""

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


def invite_again(person: Person, *, by: str, now: datetime) -> str:
    """Return the token of a link by which somebody chooses a new password; it is shown once. Earlier ones end.

    Raises NigraniError for a person without access, and for oneself: that takes the password one has.
    """
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        held = Person.objects.select_for_update().get(pk=person.pk)
        if not held.is_active:
            raise NigraniError(f"{held.email} has no access.", "Give it back first.")
        if held.email == by:
            raise NigraniError("This link is for others.", "Change your own password on the page Password.")
        _end_links(held, now=now)
        made = Invite.objects.create(
            token_hash=hashed(token),
            role=held.role,
            person=held,
            invited_by=by,
            created_at=now,
            expires_at=now + INVITE_LASTS,
        )
        detail = {"invite": made.pk}
        ledger.record(by=by, action="access.invited_again", what=held.email, detail=detail, now=now)
    return token


def find_invite(token: str, *, now: datetime) -> Invite | None:
    """Return the open invitation of a token, or None when it is unknown, used or expired."""
    found = Invite.objects.select_related("person").filter(token_hash=hashed(token)).first()
    if found is None or not found.is_open(now) or (found.person and not found.person.is_active):
        return None
    return found


def accept(token: str, email: str, name: str, password: str, *, now: datetime) -> Person:
    """Make the invited person and use the invitation up.

    Raises NigraniError when the invitation is no longer good, or the address, name or password won't do.
    """
    email, name = email.strip().lower(), name.strip()
    _check_person(email, name, password)
    with transaction.atomic():
        found = _take_up(token, is_again=False, now=now)
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


def accept_again(token: str, password: str, *, now: datetime) -> Person:
    """Give the person of a link from `invite_again` a new password; all their sessions end. The link is used up.

    Raises NigraniError when the link is no longer good, its person has no access, or the password won't do.
    """
    _check_password(password)
    with transaction.atomic():
        # The person first, then the link: in the order in which invite_again takes them.
        whose = Invite.objects.filter(token_hash=hashed(token), person__isnull=False).values("person")
        person = Person.objects.select_for_update().filter(pk__in=whose, is_active=True).first()
        if person is None:
            raise _over()
        found = _take_up(token, is_again=True, now=now)
        _set_password(person, password, now=now)
        found.used_at, found.used_by = now, person
        found.save(update_fields=["used_at", "used_by"])
        detail = {"invite": found.pk, "offered_by": found.invited_by}
        ledger.record(by=person.email, action="access.password_reset", what=person.email, detail=detail, now=now)
    return person


def change_password(person: Person, current: str, new: str, *, ip: str, now: datetime) -> None:
    """Give a person who knows the current password another one; all sessions but the caller's end with it.

    Guesses count as failed sign-ins. Raises NotSignedIn, TooMany, or NigraniError when the new password won't do.
    """
    _check_password(new)
    tries = _begin_attempt(person.email, ip, now=now)
    if not person.check_password(current):
        _throttled(person.email, ip, tries, now=now)
        raise NotSignedIn("The current password is wrong.")
    if new == current:
        raise NigraniError("This is the password you have.", "Choose another one.")
    with transaction.atomic():
        held = Person.objects.select_for_update().get(pk=person.pk)
        _set_password(held, new, now=now)
        ledger.record(by=held.email, action="access.password_changed", what=held.email, detail={"ip": ip}, now=now)
    person.password = held.password


def _take_up(token: str, *, is_again: bool, now: datetime) -> Invite:
    """Lock and return the open invitation of its kind, for a new person or for one who is here."""
    of_kind = Invite.objects.filter(person__isnull=not is_again)
    found = of_kind.select_for_update().filter(token_hash=hashed(token)).first()
    if found is None or not found.is_open(now):
        raise _over()
    return found


def _over() -> NigraniError:
    return NigraniError("This invitation is not good any more.", "Ask an admin for a new one.")


def _set_password(person: Person, password: str, *, now: datetime) -> None:
    """Keep the password's hash. Sessions carry a mark of it, so the old ones are over; so are failures and links."""
    person.set_password(password)
    person.save(update_fields=["password"])
    LoginAttempt.objects.filter(email=person.email).delete()
    _end_links(person, now=now)


def _end_links(person: Person, *, now: datetime) -> None:
    Invite.objects.filter(person=person, used_at=None, expires_at__gt=now).update(expires_at=now)


def _check_person(email: str, name: str, password: str) -> None:
    try:
        validate_email(email)
    except ValidationError:
        raise NigraniError("This is no e-mail address.", "Write it as name@example.org.") from None
    if not name:
        raise NigraniError("A name is missing.", "Write how the others call you.")
    _check_password(password)


def _check_password(password: str) -> None:
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
        _throttled(email, ip, tries, now=now)
        raise NotSignedIn("The e-mail address or the password is wrong.")
    with transaction.atomic():
        LoginAttempt.objects.filter(email=email, ip=ip).delete()
        ledger.record(by=email, action="access.signed_in", what=email, detail={"ip": ip}, now=now)
    return person


def _throttled(email: str, ip: str, tries: int, *, now: datetime) -> None:
    """Write down that the door closes with this failure, when it does."""
    if tries == THROTTLE_AFTER:
        ledger.record(by=email, action="access.throttled", what=email, detail={"ip": ip}, now=now)


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
