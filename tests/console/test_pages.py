"""Every page: who may see it, what it costs, what it says when there is nothing, and what it never shows."""

from __future__ import annotations

import re
from datetime import timedelta
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from tests.console import scenes, world

from nigrani.access import ledger, people, tokens
from nigrani.access.models import ApiToken, LedgerLine, Person, Role
from nigrani.alerts.models import Alert, Rule, Transition
from nigrani.guide.model import Guide
from nigrani.lib import clock, links

pytestmark = pytest.mark.django_db

READS = (
    "/",
    "/now",
    "/alerts",
    "/alerts?show=open",
    "/alerts/{alert}",
    "/rules",
    "/rules?phase=shadow",
    "/rules/system-down",
    "/sources",
    "/sources/website",
    "/sources/database",
    "/measures",
    "/measures/system_up",
    "/measures/login_ms?over=24h",
    "/promises",
    "/cover",
    "/cover?state=run",
    "/deliveries",
    "/deliveries?receiver=spare",
    "/guide",
    "/guide/website.yaml",
    "/guide/rows.tsv",
    "/find?q=down",
    "/keys",
)
ABSENT = (
    "/alerts/999",
    "/alerts/99999999999999999999",
    "/rules/none",
    "/sources/none",
    "/measures/none",
    "/guide/../secrets",
    "/guide/none.yaml",
    "/nowhere",
)
DECIDES = ("/people", "/ledger", "/ledger?verify=1", "/rules/system-down/demote", "/rules/slow-pages/promote")


class Reader(HTMLParser):
    """What a page is made of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, *names: str) -> list[tuple[str, dict[str, str | None]]]:
        return [each for each in self.tags if each[0] in names]


@pytest.fixture
def morning(telemetry: str, guide: Guide) -> Alert:
    """A bad morning with readings."""
    now = clock.now()
    down = scenes.storm(now)
    scenes.readings(guide, now)
    return down


def text(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, (address, answer.status_code)
    return answer.content.decode()


def plain(page: str) -> str:
    """Return the words of a page's own part."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page[page.find("<main") :]))


def test_every_page_opens_within_its_budget(morning: Alert, admin: Client) -> None:
    text(admin, "/")  # what is made once and kept is not a page's cost
    costs = {}
    for address in (*READS, *DECIDES):
        with CaptureQueriesContext(
            connection,
        ) as asked:
            page = text(admin, address.format(alert=morning.pk))
        costs[address] = (len(asked), len(page.encode()))
    assert {address: cost for address, cost in costs.items() if cost[0] > 12 or cost[1] > 100_000} == {}


def test_every_page_is_built_as_a_page_should_be(morning: Alert, admin: Client) -> None:
    for address in (*READS, *DECIDES):
        if address == "/now":
            continue
        page = text(admin, address.format(alert=morning.pk))
        reader = Reader(page)
        assert len(reader.all("h1")) == 1, address
        levels = [int(tag[1]) for tag, _ in reader.all("h1", "h2", "h3") if tag]
        body = levels[levels.index(1) :]
        assert all(after <= before + 1 for before, after in pairwise(body)), (address, body)
        identities = [attrs["id"] for _, attrs in reader.tags if "id" in attrs]
        assert len(identities) == len(set(identities)), address
        labelled = {attrs.get("for") for _, attrs in reader.all("label")}
        for _, attrs in reader.all("input", "select"):
            assert attrs.get("type") == "hidden" or attrs.get("id") in labelled, (address, attrs)
        for _, attrs in reader.all("th"):
            assert attrs.get("scope") in ("col", "row", "rowgroup"), address
        assert len(reader.all("table")) == len(reader.all("caption")), address
        assert not [attrs for _, attrs in reader.tags if "style" in attrs], address
        assert not [attrs for _, attrs in reader.tags if any(name.startswith("on") for name in attrs)], address
        assert all(attrs.get("src") for _, attrs in reader.all("script")), address
        assert not reader.all("style"), address
        for name in ("aria-labelledby", "aria-describedby"):
            for _, attrs in reader.tags:
                for each in (attrs.get(name) or "").split():
                    assert each in identities, (address, name, each)


def test_every_link_of_every_page_leads_somewhere(morning: Alert, admin: Client) -> None:
    seen: dict[str, str] = {}
    for address in (*READS, *DECIDES):
        for _, attrs in Reader(text(admin, address.format(alert=morning.pk))).all("a"):
            href = (attrs.get("href") or "").partition("#")[0]
            if href.startswith("/") and href not in seen:
                seen[href] = address
    broken = {href: where for href, where in seen.items() if admin.get(href).status_code != 200}
    assert broken == {}
    assert len(seen) > 25


@pytest.mark.parametrize("address", [*READS, *DECIDES])
def test_nobody_reads_without_signing_in(address: str, client: Client) -> None:
    answer = client.get(address.format(alert=1))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login?next=")


@pytest.mark.parametrize("address", DECIDES)
def test_deciding_takes_an_admin(address: str, responder: Client, viewer: Client) -> None:
    for client in (responder, viewer):
        answer = client.get(address)
        assert answer.status_code == 403
        assert "This needs the role Admin." in answer.content.decode()
        assert client.post(address.partition("?")[0]).status_code in (403, 405)


def test_a_viewer_is_not_offered_what_they_may_not_do(viewer: Client) -> None:
    scenes.calm(clock.now())
    page = text(viewer, "/rules/system-down")
    assert "Put in shadow" not in page
    assert 'href="/people"' not in page


class TestOverview:
    def test_a_bad_morning_in_order(self, morning: Alert, viewer: Client) -> None:
        page = text(viewer, "/")
        assert "<title>(1) Overview · Nigrani</title>" in page
        assert 'href="/favicon.svg?firing=1"' in page
        said = plain(page)
        order = [
            "1 alert is firing",
            "System Down",
            "71.4 % over 2 min is below 95 %",
            "12 min",
            "DevOps Lead",
            "Sent #production-alerts",
            "Not sent The spare pager",
            "WORLD_UNSET_URL is missing",
            "Investigate immediately.",
            "Sources",
            "In shadow",
            "Firing, in shadow",
            "Pages are slow",
            "Latest messages",
        ]
        places = [said.index(each) for each in order]
        assert places == sorted(places)

    def test_all_well_says_since_when(self, viewer: Client) -> None:
        scenes.calm(clock.now())
        said = plain(text(viewer, "/"))
        assert "All well" in said
        assert "Nothing is firing since 3 h ago" in said
        assert "<title>Overview" in text(viewer, "/")

    def test_nothing_set_up_says_what_to_set(self, viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        import dataclasses

        from nigrani.guide import current

        guide = current.get()
        bare = {"database": guide.sources["database"]}
        current.set(dataclasses.replace(guide, sources=bare, measures={}, alerts={}, promises={}))
        said = plain(text(viewer, "/"))
        assert "Nothing is set up yet" in said
        assert "WORLD_UNSET_DSN" in said

    def test_a_dark_source_is_never_all_well(self, viewer: Client) -> None:
        now = clock.now()
        scenes.calm(now)
        from nigrani.sources.models import Source

        Source.objects.filter(name="website").update(last_ok_at=now - timedelta(minutes=5))
        said = plain(text(viewer, "/"))
        assert "Nothing fires, but not everything can be told" in said
        assert "Stale" in said
        assert "All well" not in said

    def test_pending_is_shown_and_not_counted_as_firing(self, viewer: Client) -> None:
        scenes.calm(clock.now())
        Alert.objects.filter(rule__name="system-down").update(state="pending")
        said = plain(text(viewer, "/"))
        assert "Nothing fires yet" in said
        assert "It is told once it has held long enough." in said

    def test_an_undecided_change_says_so(self, viewer: Client) -> None:
        scenes.calm(clock.now())
        alert = Alert.objects.get(rule__name="system-down")
        Alert.objects.update(state="firing")
        Transition.objects.create(
            alert=alert, old="ok", new="firing", at=clock.now(), because="b", known="known", awaits=True
        )
        assert "Being decided" in plain(text(viewer, "/"))
        assert "Being decided" in plain(text(viewer, f"/alerts/{alert.pk}"))

    def test_the_region_refreshes_itself_from_its_own_address(self, morning: Alert, viewer: Client) -> None:
        page = text(viewer, "/now")
        assert page.lstrip().startswith("<title>(1) Overview")
        assert "<html" not in page
        assert 'hx-get="/now"' in page


class TestAlertPage:
    def test_top_to_bottom(self, morning: Alert, viewer: Client) -> None:
        said = plain(text(viewer, f"/alerts/{morning.pk}"))
        order = [
            "Firing System Down",
            "Nobody can use the ERP.",
            "Since",
            "Critical: 71.4 %",
            "DevOps Lead",
            "website.yaml:",
            "Why it was or was not sent",
            "Accepted on try 1.",
            "What to do",
            "Investigate immediately.",
            "Open the login page from a phone",
            "Share of the website",
            "fires below 95 %",
            "Changes",
            "for 1 min.",
        ]
        places = [said.index(each) for each in order]
        assert places == sorted(places)

    def test_it_stands_while_telemetry_is_away(
        self, guide: Guide, viewer: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("NIGRANI_CLICKHOUSE_URL", "http://nigrani:x@127.0.0.1:9/nigrani")
        down = scenes.storm(clock.now())
        for address in (f"/alerts/{down.pk}", "/measures/system_up"):
            said = plain(text(viewer, address))
            assert "Telemetry does not answer." in said
        assert "Phases can't be read." in plain(text(viewer, "/sources/website"))

    def test_a_rule_that_left_the_guide(self, viewer: Client) -> None:
        scenes.calm(clock.now())
        Rule.objects.filter(name="system-down").update(name="gone-rule")
        alert = Alert.objects.get(key="system-down")
        said = plain(text(viewer, f"/alerts/{alert.pk}"))
        assert "Its rule has left the guide." in said

    @pytest.mark.parametrize("address", ABSENT)
    def test_what_is_not_there_is_said(self, address: str, viewer: Client) -> None:
        answer = viewer.get(address)
        assert answer.status_code == 404
        assert "There is nothing here" in answer.content.decode()


class TestRules:
    def test_promote_and_demote_ask_name_the_rule_and_leave_a_line(self, admin: Client) -> None:
        scenes.calm(clock.now())
        asked = text(admin, "/rules/slow-pages/promote")
        assert "Let “Pages are slow” send?" in asked
        assert "slow-pages tells: #production-alerts" in plain(asked)
        assert Rule.objects.get(name="slow-pages").phase == "shadow"
        answer = admin.post("/rules/slow-pages/promote", follow=True)
        assert "“Pages are slow” is live." in answer.content.decode()
        assert Rule.objects.get(name="slow-pages").phase == "live"
        line = LedgerLine.objects.latest("seq")
        assert (line.by, line.action, line.what) == ("asha@example.org", "alert.promoted", "rule slow-pages")
        admin.post("/rules/slow-pages/demote")
        assert LedgerLine.objects.latest("seq").action == "alert.demoted"
        assert ledger.verify() is None

    def test_a_rule_in_shadow_is_never_red(self, morning: Alert, viewer: Client) -> None:
        page = text(viewer, "/rules?phase=shadow")
        assert "Firing, in shadow" in page
        assert 'class="state bad"' not in page


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


def test_hostile_text_is_only_text(telemetry: str, guide: Guide, admin: Client) -> None:
    now = clock.now()
    scenes.storm(now, label=scenes.HOSTILE)
    from nigrani.outbox.models import Attempt, Message
    from nigrani.sources.models import Probe

    Probe.objects.update(last_outcome="blind", last_detail=scenes.HOSTILE, last_failure="unreachable")
    Message.objects.update(error=scenes.HOSTILE, notice={"title": scenes.HOSTILE}, receiver=scenes.HOSTILE)
    Attempt.objects.update(detail=scenes.HOSTILE)
    Alert.objects.update(says=scenes.HOSTILE)
    Transition.objects.update(because=scenes.HOSTILE)
    Rule.objects.update(says=scenes.HOSTILE, promoted_by=scenes.HOSTILE)
    Person.objects.update(name=scenes.HOSTILE[:100])
    tokens.create(scenes.HOSTILE[:100], Role.VIEWER, by=Person.objects.get(), now=now)
    ledger.record(by=scenes.HOSTILE, action="x", what=scenes.HOSTILE, detail={scenes.HOSTILE: scenes.HOSTILE}, now=now)
    addresses = [*READS, *DECIDES, *(f"/alerts/{each.pk}" for each in Alert.objects.all())]
    addresses += [
        f"/find?q={scenes.HOSTILE}",
        f"/alerts?rule={scenes.HOSTILE}",
        f"/deliveries?receiver={scenes.HOSTILE}",
    ]
    addresses += [
        f"/cover?state={scenes.HOSTILE}",
        f"/rules?phase={scenes.HOSTILE}",
        f"/measures/login_ms?over={scenes.HOSTILE}",
    ]
    shown = 0
    for address in addresses:
        page = text(admin, address.format(alert=Alert.objects.first().pk))  # type: ignore[union-attr]
        assert "<script>alert" not in page, address
        assert "<img" not in page, address
        shown += "&lt;script&gt;" in page
    assert shown > 10


def test_no_page_shows_a_secret(morning: Alert, admin: Client) -> None:
    people.invite(Role.VIEWER, by="asha@example.org", now=clock.now())
    for address in (*READS, *DECIDES):
        page = text(admin, address.format(alert=morning.pk))
        for name, secret in world.CANARIES.items():
            assert secret not in page, (address, name)


def test_every_route_that_messages_link_to_is_a_page() -> None:
    from django.urls import resolve

    filled = {"id": 7, "name": "website", "token": "abc"}
    for route in links.ROUTES:
        parts = {key: value for key, value in filled.items() if f"{{{key}}}" in links.ROUTES[route]}
        found = resolve(links.link("", route, **parts))
        assert found.url_name == route


@pytest.mark.parametrize(("asked", "says"), [("0", "<path"), ("3", ">3</text>"), ("12", ">9+</text>"), ("x", "<path")])
def test_the_favicon_carries_the_count(client: Client, asked: str, says: str) -> None:
    answer = client.get("/favicon.svg", {"firing": asked})
    assert says in answer.content.decode()
    assert answer["Content-Type"] == "image/svg+xml"


def test_find_goes_straight_to_what_is_named(viewer: Client) -> None:
    assert viewer.get("/find", {"q": "A01"})["Location"] == "/cover#A01"
    assert viewer.get("/find", {"q": "system-down"})["Location"] == "/rules/system-down"
    assert "Nothing the guide names contains" in text(viewer, "/find?q=zzz")
    assert "Write the name" in text(viewer, "/find")


def test_a_page_that_breaks_says_so_and_nothing_else(viewer: Client) -> None:
    from nigrani.guide import current

    viewer.raise_request_exception = False
    current._current = None
    answer = viewer.get("/guide")
    assert answer.status_code == 500
    assert "This page failed" in answer.content.decode()
    assert "Traceback" not in answer.content.decode()
