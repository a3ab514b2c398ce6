"""Signing in and out, invitations, and what the door never does."""

from __future__ import annotations

import pytest
from django.test import Client
from tests.console import world

from nigrani.access import people
from nigrani.access.models import LedgerLine, Person, Role
from nigrani.lib import clock

pytestmark = pytest.mark.django_db


def sign_in(client: Client, *, password: str = world.PASSWORD, **more: str):  # type: ignore[no-untyped-def]
    return client.post("/login", {"email": "asha@example.org", "password": password} | more)


@pytest.fixture
def asha() -> Person:
    return world.person("Asha", Role.ADMIN)


def test_sign_in_leads_where_one_wanted_to_go(asha: Person, client: Client) -> None:
    sent = client.get("/guide")
    assert (sent.status_code, sent["Location"]) == (302, "/login?next=/guide")
    page = client.get(sent["Location"]).content.decode()
    assert '<input type="hidden" name="next" value="/guide">' in page
    assert sign_in(client, next="/guide")["Location"] == "/guide"
    assert client.get("/guide").status_code == 200


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "///evil.example",
        "javascript:alert(1)",
        "http:evil.example",
        "\thttps://evil.example",
        "evil.example",
        "/\t/evil.example",
    ],
)
def test_sign_in_never_leads_elsewhere(asha: Person, client: Client, wanted: str) -> None:
    assert sign_in(client, next=wanted)["Location"] == "/"
    assert client.get("/login", {"next": wanted})["Location"] == "/"


def test_the_session_is_a_new_one(asha: Person, client: Client) -> None:
    client.session.save()
    session = client.session
    session["planted"] = "by somebody else"
    session.save()
    client.cookies["nigrani_session"] = session.session_key or ""
    sign_in(client)
    assert client.cookies["nigrani_session"].value != session.session_key
    cookie = client.cookies["nigrani_session"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")


def test_a_wrong_password_says_so_and_keeps_the_address(asha: Person, client: Client) -> None:
    answer = sign_in(client, password="wrong")
    page = answer.content.decode()
    assert answer.status_code == 401
    assert "The e-mail address or the password is wrong." in page
    assert 'value="asha@example.org"' in page
    assert "wrong</" not in page.replace("is wrong.</strong>", "")


def test_the_sixth_attempt_is_told_to_wait(asha: Person, client: Client) -> None:
    for _ in range(5):
        assert sign_in(client, password="wrong").status_code == 401
    answer = sign_in(client)
    assert answer.status_code == 429
    assert "Try again in 1" in answer.content.decode()


@pytest.mark.parametrize("email", ["<script>alert(1)</script>", "a\x00b@example.org", "x" * 5000, "ज़@example.org"])
def test_a_hostile_address_is_only_text(client: Client, email: str) -> None:
    answer = client.post("/login", {"email": email, "password": "p"})
    assert answer.status_code == 401
    assert "<script>alert" not in answer.content.decode()


def change(client: Client, current: str, new: str = "four loud windows"):  # type: ignore[no-untyped-def]
    return client.post("/password", {"current": current, "new": new})


def test_a_changed_password_keeps_this_session_and_ends_the_others(asha: Person, client: Client) -> None:
    other = Client()
    for each in (client, other):
        sign_in(each)
    before = client.cookies["nigrani_session"].value
    page = client.get("/password").content.decode()
    assert 'autocomplete="current-password"' in page
    assert change(client, world.PASSWORD)["Location"] == "/"
    assert client.cookies["nigrani_session"].value != before
    assert "Your password is changed." in client.get("/guide").content.decode()
    assert other.get("/guide").status_code == 302
    assert sign_in(other).status_code == 401
    assert sign_in(other, password="four loud windows").status_code == 302


def test_the_current_password_is_asked_and_guesses_wait(asha: Person, client: Client) -> None:
    sign_in(client)
    refused = change(client, "a wrong guess", "short but long enough")
    assert refused.status_code == 422
    assert "The current password is wrong." in refused.content.decode()
    assert "short but long enough" not in refused.content.decode()
    for _ in range(4):
        change(client, "wrong")
    assert change(client, world.PASSWORD).status_code == 429
    assert client.get("/guide").status_code == 200


def test_sign_out_ends_the_session_and_is_in_the_ledger(asha: Person, client: Client) -> None:
    sign_in(client)
    assert client.get("/logout").status_code == 405
    assert client.post("/logout")["Location"] == "/login"
    assert client.get("/guide").status_code == 302
    assert LedgerLine.objects.latest("seq").action == "access.signed_out"


def test_nobody_yet_says_how_to_begin(client: Client) -> None:
    assert "nigrani person invite --role admin" in client.get("/login").content.decode()


def test_an_invitation_makes_a_person_who_is_signed_in(client: Client) -> None:
    token = people.invite(Role.RESPONDER, by="installer", now=clock.now())
    for _ in range(2):
        page = client.get(f"/welcome/{token}")
        assert "You are invited as <strong>Responder</strong>" in page.content.decode()
    answer = client.post(f"/welcome/{token}", {"name": "Ravi", "email": "ravi@example.org", "password": world.PASSWORD})
    assert answer["Location"] == "/"
    assert Person.objects.get().role == "responder"
    assert client.get("/guide").status_code == 200
    assert client.get(f"/welcome/{token}").status_code == 410


def test_a_form_that_will_not_do_keeps_what_was_typed_but_the_password(client: Client) -> None:
    token = people.invite(Role.RESPONDER, by="installer", now=clock.now())
    answer = client.post(f"/welcome/{token}", {"name": "<b>Ravi", "email": "ravi@example.org", "password": "short"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "at least 12 characters" in page
    assert 'value="&lt;b&gt;Ravi"' in page
    assert 'value="short"' not in page


@pytest.mark.parametrize("token", ["nothing", "%00", "a" * 3000])
def test_a_link_that_never_was_is_over(client: Client, token: str) -> None:
    assert client.get(f"/welcome/{token}").status_code == 410


@pytest.mark.parametrize("address", ["/login", "/logout", "/password", "/theme", "/people/invite", "/tokens/make"])
def test_every_form_wants_its_token(asha: Person, address: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(asha, backend="django.contrib.auth.backends.ModelBackend")
    answer = client.post(address, {})
    assert answer.status_code == 403
    assert "Nothing was done." in answer.content.decode()


def test_the_theme_is_kept(client: Client) -> None:
    answer = client.post("/theme", {"theme": "dark", "next": "/login"})
    assert answer["Location"] == "/login"
    assert '<html lang="en" data-theme="dark">' in client.get("/login").content.decode()
    client.post("/theme", {"theme": "system"})
    assert '<html lang="en">' in client.get("/login").content.decode()
    client.cookies["nigrani_theme"] = '"><script>'
    assert '<html lang="en">' in client.get("/login").content.decode()


def test_every_answer_carries_its_headers(client: Client) -> None:
    headers = client.get("/login").headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert (headers["X-Frame-Options"], headers["X-Content-Type-Options"]) == ("DENY", "nosniff")
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
