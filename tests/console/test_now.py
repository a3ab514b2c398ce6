"""The overview, an alert's page and the rules: what they say, in which order, and when there is nothing."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from django.test import Client
from tests.console import scenes
from tests.console.reading import ABSENT, Reader, plain, text

from nigrani.access import ledger
from nigrani.access.models import LedgerLine
from nigrani.alerts.models import Alert, Rule, Transition
from nigrani.guide import current
from nigrani.guide.model import Guide
from nigrani.lib import clock
from nigrani.sources.models import Source

pytestmark = pytest.mark.django_db


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
            "1 receiver is not set up",
            "The spare pager",
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
        guide = current.get()
        bare = {"database": guide.sources["database"]}
        current.set(dataclasses.replace(guide, sources=bare, measures={}, alerts={}, promises={}))
        said = plain(text(viewer, "/"))
        assert "Nothing is set up yet" in said
        assert "WORLD_UNSET_DSN" in said

    def test_a_dark_source_is_never_all_well(self, viewer: Client) -> None:
        now = clock.now()
        scenes.calm(now)
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

    def test_how_bad_says_when_the_rule_was_last_evaluated(self, viewer: Client) -> None:
        now = clock.now()
        scenes.calm(now)
        Alert.objects.update(read_at=now - timedelta(minutes=50))
        Rule.objects.update(evaluated_at=now - timedelta(minutes=7))
        alert = Alert.objects.get(key="system-down")
        with clock.standing_at(now):
            said = plain(text(viewer, f"/alerts/{alert.pk}"))
        assert "(evaluated 7 min ago)" in said
        assert "50 min" not in said
        Rule.objects.update(evaluated_at=None)
        assert "(not evaluated yet)" in plain(text(viewer, f"/alerts/{alert.pk}"))

    def test_charts_begin_with_the_last_hour(self, morning: Alert, viewer: Client) -> None:
        for address in (f"/alerts/{morning.pk}", "/measures/system_up"):
            shown = [
                attrs for _, attrs in Reader(text(viewer, address)).all("a") if attrs.get("aria-current") == "true"
            ]
            assert [attrs["href"] for attrs in shown] == ["?over=1h"], address
            assert "?over=24h" in text(viewer, address)

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
