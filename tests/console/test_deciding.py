"""People, invitations, tokens and the ledger, as an admin meets them."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from tests.console.reading import text

from nigrani.access import ledger, tokens
from nigrani.access.models import ApiToken, Person
from nigrani.lib import clock

pytestmark = pytest.mark.django_db


class TestPeople:
    def test_an_invitation_is_shown_once(self, admin: Client) -> None:
        page = admin.post("/people/invite", {"role": "viewer"}).content.decode()
        [address] = re.findall(r"http://testserver/welcome/[\w-]{43}", page)
        assert address not in text(admin, "/people")
        assert Client().get(address.removeprefix("http://testserver")).status_code == 200

    def test_a_token_is_shown_once_and_works(self, admin: Client) -> None:
        page = admin.post("/tokens/make", {"name": "status board", "role": "viewer"}).content.decode()
        [token] = re.findall(r"ngr_[\w-]{43}", page)
        assert token not in text(admin, "/people")
        assert tokens.check(token, now=clock.now())
        number = ApiToken.objects.get().pk
        assert "speaks for asha@example.org" in text(admin, f"/tokens/{number}/revoke")
        admin.post(f"/tokens/{number}/revoke")
        assert tokens.check(token, now=clock.now()) is None

    def test_access_taken_away_ends_the_session(self, admin: Client, viewer: Client) -> None:
        vera = Person.objects.get(name="Vera")
        assert "Take Vera&#x27;s access away?" in text(admin, f"/people/{vera.pk}/take-away")
        admin.post(f"/people/{vera.pk}/take-away")
        assert viewer.get("/").status_code == 302
        admin.post(f"/people/{vera.pk}/give-back")
        assert viewer.get("/guide").status_code == 200

    def test_a_link_for_a_new_password_ends_the_person_s_sessions(self, admin: Client, viewer: Client) -> None:
        vera = Person.objects.get(name="Vera")
        assert "Whoever opens the link signs in as vera@example.org" in text(admin, f"/people/{vera.pk}/invite-again")
        page = admin.post(f"/people/{vera.pk}/invite-again").content.decode()
        assert "The link for Vera is made." in page
        assert "a new password for vera@example.org" in page
        [link] = re.findall(r"http://testserver(/welcome/[\w-]{43})", page)
        assert viewer.get("/guide").status_code == 200
        fresh = Client()
        assert "For <strong>vera@example.org</strong>" in text(fresh, link)
        assert fresh.post(link, {"password": "short"}).status_code == 422
        assert fresh.post(link, {"password": "four loud windows"})["Location"] == "/"
        assert fresh.get("/guide").status_code == 200
        assert viewer.get("/guide").status_code == 302
        assert fresh.get(link).status_code == 410

    def test_an_admin_is_offered_no_link_for_oneself(self, admin: Client, viewer: Client) -> None:
        asha = Person.objects.get(name="Asha")
        assert f"/people/{asha.pk}/invite-again" not in text(admin, "/people")
        assert admin.post(f"/people/{asha.pk}/invite-again").status_code == 422
        assert viewer.post(f"/people/{asha.pk}/invite-again").status_code == 403

    def test_roles_change_and_the_last_admin_stays(self, admin: Client, viewer: Client) -> None:
        asha, vera = Person.objects.get(name="Asha"), Person.objects.get(name="Vera")
        admin.post(f"/people/{vera.pk}/role", {"role": "responder"})
        vera.refresh_from_db()
        assert vera.role == "responder"
        refused = admin.post(f"/people/{asha.pk}/role", {"role": "viewer"})
        assert refused.status_code == 422
        assert "Nobody would be left who may decide." in refused.content.decode()
        assert admin.post(f"/people/{vera.pk}/role", {"role": "king"}).status_code == 422


def test_the_ledger_pages_and_verifies(admin: Client) -> None:
    for number in range(55):
        ledger.record(by="asha@example.org", action="test.done", what=f"thing {number}", detail={}, now=clock.now())
    page = text(admin, "/ledger")
    assert "thing 54" in page
    assert "thing 4<" not in page
    [older] = re.findall(r'href="(\?before=\d+)"', page)
    assert "thing 4<" in text(admin, f"/ledger{older}")
    assert "Every line is as it was written." in text(admin, "/ledger?verify=1")
    assert text(admin, "/ledger?before=x&verify=")
