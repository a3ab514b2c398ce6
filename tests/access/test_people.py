"""Invitations, sign-in and roles."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from nigrani.access import ledger, people, queries
from nigrani.access.models import Invite, LedgerLine, LoginAttempt, Person, Role
from nigrani.lib.errors import Conflict, NigraniError

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
PASSWORD = "three quiet lamps"


def person(email: str = "asha@example.org", role: Role = Role.ADMIN) -> Person:
    token = people.invite(role, by="installer", now=NOW)
    return people.accept(token, email, "Asha", PASSWORD, now=NOW)


def last_action() -> tuple[str, str, str]:
    line = LedgerLine.objects.latest("seq")
    return line.action, line.by, line.what


def sign_in(
    password: str = PASSWORD, *, email: str = "asha@example.org", ip: str = "10.0.0.1", at: datetime = NOW
) -> Person:
    return people.sign_in(email, password, ip=ip, now=at)


@pytest.mark.django_db
class TestInvitations:
    def test_a_link_makes_one_person_with_its_role(self) -> None:
        token = people.invite(Role.RESPONDER, by="asha@example.org", now=NOW)
        made = people.accept(token, " Ravi@Example.org ", "Ravi", PASSWORD, now=NOW)
        assert (made.email, made.role, made.check_password(PASSWORD)) == ("ravi@example.org", "responder", True)
        assert last_action() == ("access.joined", "ravi@example.org", "ravi@example.org")
        with pytest.raises(NigraniError, match="not good any more"):
            people.accept(token, "other@example.org", "Other", PASSWORD, now=NOW)

    def test_the_token_itself_is_kept_nowhere(self) -> None:
        token = people.invite(Role.VIEWER, by="asha@example.org", now=NOW)
        kept = Invite.objects.values().get()
        assert token not in str(kept)
        assert token not in str(list(LedgerLine.objects.values()))

    @pytest.mark.parametrize(
        ("after", "is_open"), [(timedelta(hours=24, seconds=-1), True), (timedelta(hours=24), False)]
    )
    def test_a_link_ends_after_a_day(self, after: timedelta, is_open: bool) -> None:
        token = people.invite(Role.VIEWER, by="asha@example.org", now=NOW)
        assert bool(people.find_invite(token, now=NOW + after)) is is_open
        assert len(queries.open_invites(NOW + after)) == is_open

    @pytest.mark.parametrize(
        ("email", "name", "password", "words"),
        [
            ("nobody", "Ravi", PASSWORD, "no e-mail address"),
            ("ravi@example.org", " ", PASSWORD, "A name is missing"),
            ("ravi@example.org", "Ravi", "short", "at least 12 characters"),
            ("ravi@example.org", "Ravi", "password1234", "too common"),
        ],
    )
    def test_what_will_not_do_is_said_and_the_link_stays_good(
        self, email: str, name: str, password: str, words: str
    ) -> None:
        token = people.invite(Role.VIEWER, by="asha@example.org", now=NOW)
        with pytest.raises(NigraniError) as caught:
            people.accept(token, email, name, password, now=NOW)
        assert words in str(caught.value)
        assert people.find_invite(token, now=NOW)

    def test_an_address_is_one_person(self) -> None:
        person()
        token = people.invite(Role.VIEWER, by="installer", now=NOW)
        with pytest.raises(Conflict, match="already here"):
            people.accept(token, "ASHA@example.org", "Asha", PASSWORD, now=NOW)


@pytest.mark.django_db(transaction=True)
def test_a_link_used_by_two_at_once_makes_one_person() -> None:
    token = people.invite(Role.VIEWER, by="installer", now=NOW)

    def accept(number: int) -> bool:
        try:
            people.accept(token, f"p{number}@example.org", "P", PASSWORD, now=NOW)
        except NigraniError:
            return False
        else:
            return True
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(accept, range(4))) == [False, False, False, True]


@pytest.mark.django_db
class TestSignIn:
    def test_the_right_password_signs_in_whatever_the_address_s_case(self) -> None:
        known = person()
        assert sign_in(email=" ASHA@example.org") == known
        assert last_action() == ("access.signed_in", "asha@example.org", "asha@example.org")

    def test_unknown_address_and_wrong_password_say_the_same(self) -> None:
        person()
        said = set()
        for email in ("asha@example.org", "nobody@example.org"):
            with pytest.raises(people.NotSignedIn) as caught:
                sign_in("wrong", email=email)
            said.add(str(caught.value))
        assert said == {"The e-mail address or the password is wrong."}

    def test_an_unknown_address_costs_a_hash_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        known = person()
        hashes: list[int] = []
        from django.contrib.auth.hashers import MD5PasswordHasher

        original = MD5PasswordHasher.encode

        def counted(*args: Any) -> str:
            hashes.append(1)
            return str(original(*args))

        monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
        for email in (known.email, "nobody@example.org"):
            with pytest.raises(people.NotSignedIn):
                sign_in("wrong", email=email)
        assert len(hashes) == 2

    def test_five_failures_close_the_door_for_fifteen_minutes(self) -> None:
        person()
        for _ in range(5):
            with pytest.raises(people.NotSignedIn, match="is wrong"):
                sign_in("wrong")
        assert last_action() == ("access.throttled", "asha@example.org", "asha@example.org")
        with pytest.raises(people.TooMany, match="Try again in 15 min"):
            sign_in()
        with pytest.raises(people.TooMany):
            sign_in(at=NOW + timedelta(minutes=15, seconds=-1))
        assert sign_in(at=NOW + timedelta(minutes=15))

    def test_another_ip_is_not_held_up(self) -> None:
        person()
        for _ in range(5):
            with pytest.raises(people.NotSignedIn):
                sign_in("wrong")
        assert sign_in(ip="10.0.0.2")

    def test_a_success_forgets_the_failures(self) -> None:
        person()
        for _ in range(3):
            for _ in range(4):
                with pytest.raises(people.NotSignedIn):
                    sign_in("wrong")
            assert sign_in()

    def test_who_lost_access_does_not_get_in(self) -> None:
        admin, gone = person(), person("ravi@example.org", Role.VIEWER)
        people.take_away(gone, by=admin, now=NOW)
        with pytest.raises(people.NotSignedIn):
            sign_in(email=gone.email)
        people.give_back(gone, by=admin, now=NOW)
        assert sign_in(email=gone.email)


@pytest.mark.django_db(transaction=True)
def test_guesses_at_once_do_not_slip_past_the_throttle() -> None:
    person()

    def guess(number: int) -> str:
        try:
            sign_in(f"guess {number}")
        except people.NotSignedIn as refused:
            return type(refused).__name__
        finally:
            connection.close()
        return "in"

    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(guess, range(24)))
    assert said.count("NotSignedIn") == 5
    assert said.count("TooMany") == 19


@pytest.mark.django_db
class TestRoles:
    def test_a_role_allows_itself_and_less(self) -> None:
        allowed = {(str(has), str(needed)) for has in Role for needed in Role if has.allows(needed)}
        assert len(allowed) == 6
        assert ("viewer", "responder") not in allowed

    def test_a_changed_role_is_in_the_ledger(self) -> None:
        admin, other = person(), person("ravi@example.org", Role.VIEWER)
        people.change_role(other, Role.RESPONDER, by=admin, now=NOW)
        other.refresh_from_db()
        assert other.may(Role.RESPONDER)
        line = LedgerLine.objects.latest("seq")
        assert (line.action, line.detail) == ("access.role_changed", {"from": "viewer", "to": "responder"})

    def test_the_last_admin_stays(self) -> None:
        admin = person()
        with pytest.raises(NigraniError, match="Nobody would be left"):
            people.change_role(admin, Role.VIEWER, by=admin, now=NOW)
        with pytest.raises(NigraniError, match="Make somebody else an admin first"):
            people.take_away(admin, by=admin, now=NOW)

    def test_every_act_leaves_a_whole_ledger(self) -> None:
        admin, other = person(), person("ravi@example.org", Role.VIEWER)
        people.change_role(other, Role.ADMIN, by=admin, now=NOW)
        people.take_away(admin, by=other, now=NOW)
        people.sign_out(other, now=NOW)
        assert ledger.verify() is None


@pytest.mark.django_db
def test_sessions_and_attempts_that_are_over_are_forgotten() -> None:
    from django.contrib.sessions.models import Session

    person()
    for key, hours in (("over", -1), ("open", 1)):
        Session.objects.create(session_key=key, session_data="", expire_date=NOW + timedelta(hours=hours))
    for minutes in (0, 20):
        with pytest.raises(people.NotSignedIn):
            sign_in("wrong", at=NOW - timedelta(minutes=minutes))
    assert people.forget_old(now=NOW) == 2
    assert list(Session.objects.values_list("session_key", flat=True)) == ["open"]
    assert LoginAttempt.objects.count() == 1
