"""A changed password and a link for a new one: who may, what ends, and what is written down."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from nigrani.access import ledger, people, queries
from nigrani.access.models import LedgerLine, LoginAttempt, Person, Role
from nigrani.lib.errors import NigraniError

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
OLD, NEW = "three quiet lamps", "four loud windows"
IP = "10.0.0.1"


def person(email: str = "asha@example.org", role: Role = Role.ADMIN) -> Person:
    token = people.invite(role, by="installer", now=NOW)
    return people.accept(token, email, "Asha", OLD, now=NOW)


def change(who: Person, current: str = OLD, new: str = NEW, *, at: datetime = NOW) -> None:
    people.change_password(who, current, new, ip=IP, now=at)


def signs_in(password: str, email: str = "asha@example.org") -> bool:
    try:
        people.sign_in(email, password, ip="10.0.0.9", now=NOW)
    except people.NotSignedIn:
        return False
    return True


@pytest.mark.django_db
class TestChange:
    def test_the_new_one_works_and_the_old_one_does_not(self) -> None:
        who = person()
        mark = who.get_session_auth_hash()
        change(who)
        assert who.get_session_auth_hash() != mark
        assert signs_in(NEW)
        assert not signs_in(OLD)
        line = LedgerLine.objects.get(action="access.password_changed")
        assert (line.by, line.what, line.detail) == ("asha@example.org", "asha@example.org", {"ip": IP})
        assert NEW not in str(list(LedgerLine.objects.values()))
        assert ledger.verify() is None

    @pytest.mark.parametrize(
        ("current", "new", "words"),
        [
            ("wrong", NEW, "The current password is wrong."),
            (OLD, OLD, "This is the password you have."),
            (OLD, "short", "at least 12 characters"),
            (OLD, "password1234", "too common"),
        ],
    )
    def test_what_will_not_do_is_said_and_changes_nothing(self, current: str, new: str, words: str) -> None:
        who = person()
        with pytest.raises(NigraniError) as caught:
            change(who, current, new)
        assert words in str(caught.value)
        assert signs_in(OLD)

    def test_guesses_are_throttled_with_those_at_the_door(self) -> None:
        who = person()
        for _ in range(2):
            with pytest.raises(people.NotSignedIn):
                people.sign_in(who.email, "wrong", ip=IP, now=NOW)
        for _ in range(3):
            with pytest.raises(people.NotSignedIn, match="current password is wrong"):
                change(who, "wrong")
        assert LedgerLine.objects.latest("seq").action == "access.throttled"
        with pytest.raises(people.TooMany, match="Try again in 15 min"):
            change(who)
        with pytest.raises(people.TooMany):
            people.sign_in(who.email, OLD, ip=IP, now=NOW)
        change(who, at=NOW + timedelta(minutes=15))
        assert not LoginAttempt.objects.exists()

    def test_it_ends_a_link_somebody_made_before(self) -> None:
        who = person()
        token = people.invite_again(who, by="command line", now=NOW)
        change(who)
        assert people.find_invite(token, now=NOW) is None


@pytest.mark.django_db
class TestReset:
    def test_a_link_gives_the_same_person_a_new_password(self) -> None:
        who = person()
        token = people.invite_again(who, by="command line", now=NOW)
        offered = LedgerLine.objects.latest("seq")
        assert (offered.action, offered.by, offered.what) == ("access.invited_again", "command line", who.email)
        assert signs_in(OLD)
        mark = who.get_session_auth_hash()
        back = people.accept_again(token, NEW, now=NOW)
        assert (back.pk, back.role, Person.objects.count()) == (who.pk, "admin", 1)
        assert back.get_session_auth_hash() != mark
        assert (signs_in(NEW), signs_in(OLD)) == (True, False)
        used = LedgerLine.objects.get(action="access.password_reset")
        assert (used.by, used.detail["offered_by"]) == (who.email, "command line")
        with pytest.raises(NigraniError, match="not good any more"):
            people.accept_again(token, OLD, now=NOW)
        assert token not in str(list(LedgerLine.objects.values()))

    def test_the_two_kinds_of_link_are_not_for_each_other(self) -> None:
        who = person()
        again, first = people.invite_again(who, by="x", now=NOW), people.invite(Role.ADMIN, by="x", now=NOW)
        with pytest.raises(NigraniError, match="not good any more"):
            people.accept(again, "new@example.org", "New", NEW, now=NOW)
        with pytest.raises(NigraniError, match="not good any more"):
            people.accept_again(first, NEW, now=NOW)
        assert Person.objects.count() == 1

    def test_it_ends_after_a_day_with_a_newer_one_and_with_the_access(self) -> None:
        who, admin = person(), person("ravi@example.org")
        first = people.invite_again(who, by="x", now=NOW)
        second = people.invite_again(who, by="x", now=NOW)
        assert people.find_invite(first, now=NOW) is None
        assert people.find_invite(second, now=NOW)
        assert [each.again for each in queries.open_invites(NOW)] == [who.email]
        with pytest.raises(NigraniError, match="not good any more"):
            people.accept_again(second, NEW, now=NOW + timedelta(hours=24))
        people.take_away(who, by=admin, now=NOW)
        assert people.find_invite(second, now=NOW) is None
        with pytest.raises(NigraniError, match="not good any more"):
            people.accept_again(second, NEW, now=NOW)
        with pytest.raises(NigraniError, match="has no access"):
            people.invite_again(who, by="x", now=NOW)

    def test_nobody_makes_one_for_oneself(self) -> None:
        who = person()
        with pytest.raises(NigraniError, match="Change your own password"):
            people.invite_again(who, by=who.email, now=NOW)

    def test_a_weak_password_leaves_the_link_good(self) -> None:
        token = people.invite_again(person(), by="x", now=NOW)
        with pytest.raises(NigraniError, match="at least 12 characters"):
            people.accept_again(token, "short", now=NOW)
        assert people.find_invite(token, now=NOW)

    def test_who_was_throttled_may_sign_in_after_it(self) -> None:
        who = person()
        for _ in range(5):
            with pytest.raises(people.NotSignedIn):
                people.sign_in(who.email, "wrong", ip=IP, now=NOW)
        people.accept_again(people.invite_again(who, by="x", now=NOW), NEW, now=NOW)
        assert people.sign_in(who.email, NEW, ip=IP, now=NOW) == who


@pytest.mark.django_db(transaction=True)
def test_a_link_used_by_many_at_once_works_once() -> None:
    token = people.invite_again(person(), by="x", now=NOW)

    def accept(number: int) -> bool:
        try:
            people.accept_again(token, f"{NEW} {number}", now=NOW)
        except NigraniError:
            return False
        else:
            return True
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(accept, range(4))) == [False, False, False, True]
