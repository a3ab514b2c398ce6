"""Versions of the guide, as people of each role meet them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from tests.console import scenes, world
from tests.console.reading import plain, text

from nigrani.access.models import LedgerLine
from nigrani.lib import clock
from nigrani.lib.secret import Vault
from nigrani.versions import reading
from nigrani.versions.models import Version
from nigrani.versions.reading import Reader

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    before = reading._reader
    reading.hand_over(Reader(world.vocabulary(), Vault(tmp_path_factory.mktemp("secrets"))))
    yield
    reading._reader = before


def test_every_page_says_what_waits_and_what_is_refused(viewer: Client) -> None:
    assert "waits for confirmation" not in text(viewer, "/keys")
    scenes.versions(clock.now())
    page = plain(text(viewer, "/keys"))
    assert "The guide in the folder can't be read. What ran before goes on. 1 mistake" in page
    assert "A change of the guide waits for confirmation. Version 2" in page


def test_a_waiting_version_shows_why_and_what_it_changes(viewer: Client) -> None:
    scenes.versions(clock.now())
    page = text(viewer, "/versions/2")
    assert "Why it waits" in page
    assert "It would fire at once" in page
    assert "when.above 3s → 2s" in page
    assert '<code class="l added">+    when: {measure: login_ms, over: 5m, above: 1s}</code>' in page
    assert "/versions/2/confirm" not in page, "a viewer has no button"
    assert "nigrani guide confirm 2" in page
    assert "odd.yaml:1:1:" in text(viewer, "/versions/3")


def test_an_admin_confirms_and_the_ledger_knows(admin: Client) -> None:
    scenes.versions(clock.now())
    asked = plain(text(admin, "/versions/2/confirm"))
    assert "Let version 2 of the guide run?" in asked
    assert "slow-pages: It would fire at once" in asked
    answer = admin.post("/versions/2/confirm", follow=True)
    assert "Version 2 runs: every process takes it within seconds." in answer.content.decode()
    states = dict(Version.objects.values_list("number", "state"))
    assert states == {1: "superseded", 2: "standing", 3: "refused"}
    line = LedgerLine.objects.latest("seq")
    assert (line.action, line.by) == ("guide.confirmed", "asha@example.org")
    again = admin.post("/versions/2/confirm", follow=True)
    assert "Version 2 stands already." in again.content.decode()


def test_an_admin_withdraws(admin: Client) -> None:
    scenes.versions(clock.now())
    assert "Withdraw version 2 of the guide?" in plain(text(admin, "/versions/2/withdraw"))
    page = admin.post("/versions/2/withdraw", follow=True).content.decode()
    assert "Version 2 was withdrawn." in page
    assert "waits for confirmation" not in plain(page)
    assert LedgerLine.objects.latest("seq").action == "guide.withdrawn"
    assert "Let it run" in page, "the folder holds it still"


@pytest.mark.parametrize("verb", ["confirm", "withdraw"])
def test_only_admins_decide(responder: Client, viewer: Client, verb: str) -> None:
    scenes.versions(clock.now())
    for client in (responder, viewer):
        for answer in (client.get(f"/versions/2/{verb}"), client.post(f"/versions/2/{verb}")):
            assert answer.status_code == 403
    assert Version.objects.get(number=2).state == "waiting"


def test_what_this_release_can_not_read_is_told_and_not_confirmed(admin: Client) -> None:
    scenes.versions(clock.now())
    Version.objects.filter(number=2).update(texts={"later.yaml": "oracles: {}\n"}, release="9.0.0")
    page = admin.post("/versions/2/confirm", follow=True).content.decode()
    assert "can&#x27;t read version 2, which Nigrani 9.0.0 kept" in page
    assert Version.objects.get(number=2).state == "waiting"


def test_a_large_and_hostile_version_fits_its_page(viewer: Client) -> None:
    scenes.versions(clock.now(), said=scenes.HOSTILE + "\u202e\x1b[31m" + "x" * 10_000)
    for address in ("/versions", "/versions/2", "/versions/3"):
        page = text(viewer, address)
        assert "<script>alert" not in page
        assert len(page) < 100_000
    texts = Version.objects.get(number=1).texts
    many = {**texts, "website.yaml": "\n".join(f"# {'y' * 500} {number}" for number in range(5_000))}
    Version.objects.filter(number=3).update(texts=many, mistakes=[f"a.yaml:{n}:1: No." for n in range(5_000)])
    page = text(viewer, "/versions/3")
    assert len(page.encode()) < 150_000
    assert "more lines" in page
    assert "and 4900 more" in page


def test_without_versions_the_page_teaches(viewer: Client) -> None:
    assert "The first start of" in text(viewer, "/versions")
    assert "There is no older version." in text(viewer, "/versions?before=3")
    assert text(viewer, "/versions?before=x")
    for address in ("/versions/7", "/versions/99999999999999999999"):
        assert viewer.get(address).status_code == 404
