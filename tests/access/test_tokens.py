"""API tokens: shown once, kept hashed, never more than their person may."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from nigrani.access import people, tokens
from nigrani.access.models import ApiToken, LedgerLine, Person, Role
from nigrani.lib.errors import NigraniError

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)

pytestmark = pytest.mark.django_db


@pytest.fixture
def asha() -> Person:
    return Person.objects.create(email="asha@example.org", name="Asha", role=Role.ADMIN, joined_at=NOW)


def test_a_token_speaks_for_its_person_with_its_role(asha: Person) -> None:
    token = tokens.create("status board", Role.VIEWER, by=asha, now=NOW)
    assert token.startswith("ngr_")
    bearer = tokens.check(token, now=NOW)
    assert bearer == tokens.Bearer("asha@example.org", Role.VIEWER, "status board")


def test_only_its_hash_is_kept(asha: Person) -> None:
    token = tokens.create("status board", Role.VIEWER, by=asha, now=NOW)
    rows = str(list(ApiToken.objects.values()) + list(LedgerLine.objects.values()))
    assert token not in rows
    assert token[4:-4] not in rows


@pytest.mark.parametrize("wrong", ["", "ngr_", "ngr_nothing", "Bearer", "ngr_\x00", "é"])
def test_an_unknown_token_is_nobody(asha: Person, wrong: str) -> None:
    tokens.create("status board", Role.VIEWER, by=asha, now=NOW)
    assert tokens.check(wrong, now=NOW) is None


def test_a_revoked_token_is_nobody(asha: Person) -> None:
    token = tokens.create("status board", Role.VIEWER, by=asha, now=NOW)
    tokens.revoke(ApiToken.objects.get(), by=asha, now=NOW)
    tokens.revoke(ApiToken.objects.get(), by=asha, now=NOW)
    assert tokens.check(token, now=NOW) is None
    assert [line.action for line in LedgerLine.objects.order_by("-seq")[:2]] == [
        "access.token_revoked",
        "access.token_made",
    ]


def test_who_lost_access_lost_the_tokens_too(asha: Person) -> None:
    ravi = Person.objects.create(email="ravi@example.org", name="Ravi", role=Role.VIEWER, joined_at=NOW)
    token = tokens.create("mine", Role.VIEWER, by=ravi, now=NOW)
    people.take_away(ravi, by=asha, now=NOW)
    assert tokens.check(token, now=NOW) is None


def test_a_token_is_never_more_than_its_person(asha: Person) -> None:
    ravi = Person.objects.create(email="ravi@example.org", name="Ravi", role=Role.RESPONDER, joined_at=NOW)
    with pytest.raises(NigraniError, match="less than Admin"):
        tokens.create("mine", Role.ADMIN, by=ravi, now=NOW)
    token = tokens.create("mine", Role.RESPONDER, by=ravi, now=NOW)
    people.change_role(ravi, Role.VIEWER, by=asha, now=NOW)
    bearer = tokens.check(token, now=NOW)
    assert bearer
    assert bearer.role is Role.VIEWER


def test_use_is_told_at_most_once_a_minute(asha: Person) -> None:
    token = tokens.create("status board", Role.VIEWER, by=asha, now=NOW)
    for seconds, told in ((0, 0), (59, 0), (60, 60)):
        tokens.check(token, now=NOW + timedelta(seconds=seconds))
        assert ApiToken.objects.get().last_used_at == NOW + timedelta(seconds=told)


def test_a_token_needs_a_name(asha: Person) -> None:
    with pytest.raises(NigraniError, match="needs a name"):
        tokens.create("  ", Role.VIEWER, by=asha, now=NOW)
