"""Rows of the access room. The ledger's table is made by SQL, with triggers that refuse any change to a line."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models


class Role(models.TextChoices):
    """What a person may do: read; also act on alerts; also decide about rules, people and tokens."""

    VIEWER = "viewer", "Viewer"
    RESPONDER = "responder", "Responder"
    ADMIN = "admin", "Admin"

    @property
    def rank(self) -> int:
        """Its place in the order viewer, responder, admin."""
        return list(Role).index(self)

    def allows(self, needed: Role) -> bool:
        """Whether someone with this role may do what `needed` asks for."""
        return self.rank >= needed.rank


class People(BaseUserManager["Person"]):
    """Finds persons by e-mail address, whatever its case."""

    def get_by_natural_key(self, username: str | None) -> Person:
        return self.get(email=(username or "").strip().lower())


class Person(AbstractBaseUser):
    """Somebody who signs in. The e-mail address is kept in lower case."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=100)
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.VIEWER)
    is_active = models.BooleanField(default=True)
    joined_at = models.DateTimeField()

    objects = People()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    def __str__(self) -> str:
        return self.email

    def may(self, needed: Role | str) -> bool:
        """Whether the person's role allows what `needed` asks for."""
        return self.is_active and Role(self.role).allows(Role(needed))


class Invite(models.Model):
    """A link that works once, until it expires: it makes a person, or lets `person` choose a new password.

    Only the hash of its token is kept.
    """

    token_hash = models.CharField(max_length=64, unique=True)
    role = models.CharField(max_length=10, choices=Role.choices)
    invited_by = models.CharField(max_length=254)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    person = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    used_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")

    def is_open(self, now: datetime) -> bool:
        """Whether it can still be accepted."""
        return self.used_at is None and now < self.expires_at


class ApiToken(models.Model):
    """A key for the JSON API. `ending` are its last four characters, to tell tokens apart on a page."""

    token_hash = models.CharField(max_length=64, unique=True)
    ending = models.CharField(max_length=4)
    name = models.CharField(max_length=100)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=10, choices=Role.choices)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)


class LoginAttempt(models.Model):
    """A sign-in that was begun and did not succeed (yet). A success deletes the rows of its address and IP."""

    email = models.CharField(max_length=254)
    ip = models.CharField(max_length=45)
    at = models.DateTimeField(db_index=True)

    class Meta:
        indexes = (models.Index(fields=["email", "ip", "at"], name="login_attempt_by"),)


class LedgerLine(models.Model):
    """One act, chained to the line before by a keyed digest.

    The table is unmanaged: migration 0002 makes it together with its triggers, and Django's flush leaves it alone.
    """

    seq = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()
    by = models.CharField(max_length=254)
    action = models.CharField(max_length=100)
    what = models.TextField()
    detail_json = models.TextField()
    mac = models.CharField(max_length=64)

    class Meta:
        managed = False
        db_table = "access_ledgerline"

    @property
    def detail(self) -> dict[str, Any]:
        """The act's particulars. They are kept as text, because the digest is over the very bytes."""
        parsed: dict[str, Any] = json.loads(self.detail_json)
        return parsed
