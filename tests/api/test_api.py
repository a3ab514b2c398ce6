"""The JSON API: who may ask, the shapes, the errors, and what it never tells."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from tests.console import scenes, world

from nigrani.access import people, tokens
from nigrani.access.models import ApiToken, Person, Role
from nigrani.alerts import silencing
from nigrani.alerts.matching import Matchers
from nigrani.alerts.models import Alert
from nigrani.alerts.silencing import Plan
from nigrani.api.door import answers
from nigrani.guide import current
from nigrani.guide.model import Guide
from nigrani.lib import clock

pytestmark = pytest.mark.django_db

LISTS = ("alerts", "sources", "measures", "cover", "deliveries")
ALL = ("status", *LISTS)
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")

Get = Callable[..., tuple[int, Any]]


@pytest.fixture(autouse=True)
def guide() -> Iterator[Guide]:
    loaded = world.load()
    current.set(loaded)
    yield loaded
    current._current = None


@pytest.fixture
def asha() -> Person:
    return world.person("Asha", Role.ADMIN)


@pytest.fixture
def token(asha: Person) -> str:
    return tokens.create("tests", Role.VIEWER, by=asha, now=clock.now())


@pytest.fixture
def get(token: str) -> Get:
    def ask(path: str, **parameters: str | int) -> tuple[int, Any]:
        answer = Client().get(f"/api/v1/{path}", parameters, headers={"Authorization": f"Bearer {token}"})
        assert answer["Content-Type"] == "application/json"
        return answer.status_code, json.loads(answer.content)

    return ask


@pytest.fixture
def morning(telemetry: str, guide: Guide) -> Alert:
    now = clock.now()
    down = scenes.storm(now)
    scenes.readings(guide, now)
    return down


class TestSurvey:
    def test_the_last_survey_and_one_by_its_number(self, get: Get, guide: Guide) -> None:
        assert get("survey") == (404, {"error": "Nothing was surveyed yet.", "hint": "Run: nigrani survey"})
        first = scenes.surveyed(guide, clock.now(), states=("clear",))
        last = scenes.surveyed(guide, clock.now())
        status, document = get("survey")
        assert (status, document["number"], len(document["rows"])) == (200, last.pk, 93)
        assert sum(document["counts"].values()) == 93
        assert {each["state"] for each in document["findings"]} == {"found"}
        assert RFC3339.fullmatch(document["ended_at"])
        assert get(f"surveys/{first.pk}")[1]["number"] == first.pk
        assert get("surveys/999999999")[0] == 404


class TestDoor:
    @pytest.mark.parametrize("path", ALL)
    @pytest.mark.parametrize(
        "header", ["", "Bearer", "Bearer ngr_nothing", "Basic bmdyOng=", "Bearer \x00", "ngr_x", "Bearer ngr_é"]
    )
    def test_without_a_good_token_nothing_is_told(self, path: str, header: str) -> None:
        answer = Client().get(f"/api/v1/{path}", headers={"Authorization": header})
        assert answer.status_code == 401
        assert answer["WWW-Authenticate"] == 'Bearer realm="nigrani"'
        assert json.loads(answer.content) == {
            "error": "A token is missing, or it is not good.",
            "hint": "Send: Authorization: Bearer ngr_…",
        }

    def test_a_session_is_no_token(self, asha: Person) -> None:
        assert world.client_of(asha).get("/api/v1/status").status_code == 401

    def test_a_token_in_the_address_is_no_token(self, token: str) -> None:
        assert Client().get("/api/v1/status", {"token": token, "access_token": token}).status_code == 401

    def test_a_revoked_token_and_a_person_without_access(self, asha: Person, token: str, get: Get) -> None:
        assert get("status")[0] == 200
        other = world.person("Ravi", Role.ADMIN)
        people.take_away(asha, by=other, now=clock.now())
        assert get("status")[0] == 401
        people.give_back(asha, by=other, now=clock.now())
        assert get("status")[0] == 200
        tokens.revoke(ApiToken.objects.get(), by=asha, now=clock.now())
        assert get("status")[0] == 401

    def test_too_small_a_role_is_403(self, token: str) -> None:
        view = answers(Role.ADMIN)(lambda ask: {})
        request = RequestFactory().get("/", headers={"Authorization": f"Bearer {token}"})
        answer = view(request)
        assert answer.status_code == 403
        assert json.loads(answer.content) == {
            "error": "This takes a token with the role admin.",
            "hint": "This one has the role viewer.",
        }

    @pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
    def test_only_get(self, token: str, method: str) -> None:
        ask = getattr(Client(enforce_csrf_checks=True), method)
        answer = ask("/api/v1/alerts", headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")

    def test_an_address_that_is_none(self) -> None:
        for path in ("/api/", "/api/v1/nothing", "/api/v2/alerts"):
            answer = Client().get(path)
            assert (answer.status_code, json.loads(answer.content)["error"]) == (404, "There is no such address.")

    def test_no_cache_keeps_it(self, token: str) -> None:
        answer = Client().get("/api/v1/status", headers={"Authorization": f"Bearer {token}"})
        assert answer["Cache-Control"] == "no-store"


class TestShapes:
    def test_status(self, morning: Alert, get: Get) -> None:
        _, status = get("status")
        assert status["firing"] == 1
        assert status["sources"] == {"fresh": 1, "no_source": 1}
        assert (status["guide"]["name"], status["guide"]["zone"]) == ("SikshaMitra ERP", "Asia/Kolkata")
        assert status["queue"]["count"] == 1
        assert RFC3339.fullmatch(status["at"])

    @pytest.mark.parametrize("path", LISTS)
    def test_lists_are_items_and_next(self, morning: Alert, get: Get, path: str) -> None:
        status, page = get(path)
        assert status == 200
        assert set(page) == {"items", "next"}
        assert page["items"]

    def test_alerts_narrow_and_go_on(self, morning: Alert, get: Get) -> None:
        assert [each["key"] for each in get("alerts", state="firing", rule="system-down")[1]["items"]] == [
            "system-down"
        ]
        _, first = get("alerts", limit=1)
        assert first["next"] == "/api/v1/alerts?limit=1&offset=1"
        seen, path = [first["items"][0]["id"]], first["next"]
        while path:
            _, page = get(path.removeprefix("/api/v1/"))
            seen += [each["id"] for each in page["items"]]
            path = page["next"]
        assert len(seen) == len(set(seen)) == 3

    def test_an_alert_with_its_changes_and_fates(self, morning: Alert, get: Get) -> None:
        _, alert = get(f"alerts/{morning.pk}")
        assert (alert["state"], alert["urgency"], alert["owner"]) == ("firing", "critical", "devops-lead")
        newest = alert["transitions"][0]
        assert (newest["old"], newest["new"]) == ("pending", "firing")
        assert [(fate["receiver"], fate["word"]) for fate in newest["fates"]] == [
            ("production-alerts", "sent"),
            ("spare", "not sent"),
        ]
        assert RFC3339.fullmatch(newest["at"])

    def test_why_an_alert_was_sent_or_not(self, morning: Alert, get: Get) -> None:
        status, why = get(f"alerts/{morning.pk}/why")
        assert (status, why["key"], why["state"]) == (200, "system-down", "firing")
        decided = {each["receiver"]: each["word"] for each in why["entries"] if each["kind"] == "decision"}
        assert decided == {"production-alerts": "sent", "spare": "not sent"}
        assert get("alerts/999999/why")[0] == 404

    def test_silences_that_mute_and_those_that_are_over(self, guide: Guide, get: Get) -> None:
        plan = Plan("silence", Matchers(rules=("system-*",)), "a deploy", timedelta(hours=1))
        made = silencing.add(plan, guide, by="asha@example.org", now=clock.now())
        [item] = get("silences")[1]["items"]
        assert (item["id"], item["state"], item["rules"]) == (made.pk, "mutes", ["system-*"])
        assert get("silences", past=1)[1] == {"items": [], "next": None}

    def test_measures_are_unknown_never_zero(self, morning: Alert, get: Get) -> None:
        measures = {each["name"]: each for each in get("measures")[1]["items"]}
        [series] = measures["database_up"]["series"]
        assert (series["known"], series["value"]) == ("no_source", None)
        assert {each["labels"]["probe"] for each in measures["login_ms"]["series"]} == {"login", "health"}
        assert measures["system_up"]["where"]["file"] == "website.yaml"

    def test_every_row_is_covered_or_says_not_yet(self, morning: Alert, get: Get, guide: Guide) -> None:
        rows = get("cover")[1]["items"]
        assert [each["row"] for each in rows] == list(guide.rows)
        assert {each["state"] for each in rows} <= {"run", "claimed", "no source", "not yet"}


class TestErrors:
    @pytest.mark.parametrize(
        ("path", "status", "error"),
        [
            ("alerts/999", 404, "There is no alert 999."),
            ("alerts/99999999999999999999999", 404, "There is no alert 99999999999999999999999."),
            ("alerts?state=red", 400, "There is no state 'red'."),
            ("alerts?rule=%00", 400, "A parameter holds a sign that no text has."),
            ("deliveries?receiver=a%00", 400, "A parameter holds a sign that no text has."),
            ("alerts?limit=x", 400, "limit is no number."),
            ("alerts?limit=-1", 400, "limit is no number."),
            ("deliveries?limit=1000", 400, "limit is 1,000."),
        ],
    )
    def test_they_say_what_and_what_to_do(self, get: Get, path: str, status: int, error: str) -> None:
        found, problem = get(path)
        assert (found, problem["error"]) == (status, error)
        assert problem["hint"]

    def test_telemetry_away_is_503(self, get: Get, monkeypatch: pytest.MonkeyPatch, guide: Guide) -> None:
        monkeypatch.setenv("NIGRANI_CLICKHOUSE_URL", "http://nigrani:x@127.0.0.1:9/nigrani")
        now = clock.now()
        scenes.sources(now)
        from nigrani.measures.models import Watermark
        from nigrani.measures.rows import sql_hash

        measure = guide.measures["system_up"]
        Watermark.objects.create(
            measure=measure.name, sql_hash=sql_hash(measure), received_to=now, filled_from=now, read_at=now
        )
        status, problem = get("measures")
        assert status == 503
        assert problem["error"]
        assert get("alerts")[0] == 200


def test_what_nobody_foresaw_is_json_without_details(token: str, caplog: pytest.LogCaptureFixture) -> None:
    def broken(ask: object) -> object:
        raise RuntimeError("canary-detail")

    request = RequestFactory().get("/api/v1/broken", headers={"Authorization": f"Bearer {token}"})
    answer = answers(Role.VIEWER)(broken)(request)
    assert (answer.status_code, answer["Content-Type"]) == (500, "application/json")
    assert set(json.loads(answer.content)) == {"error", "hint"}
    assert json.loads(answer.content)["error"] == "This answer failed."
    assert b"canary" not in answer.content
    [line] = [each for each in caplog.records if getattr(each, "action", "") == "api.failed"]
    assert "canary-detail" in str(line.exc_info)


def test_no_answer_holds_a_secret(morning: Alert, get: Get) -> None:
    for path in (*ALL, f"alerts/{morning.pk}"):
        told = json.dumps(get(path)[1])
        for name, secret in world.CANARIES.items():
            assert secret not in told, (path, name)


def test_every_answer_is_cheap(morning: Alert, get: Get) -> None:
    get("status")
    for path in (*ALL, f"alerts/{morning.pk}"):
        with CaptureQueriesContext(connection) as asked:
            get(path)
        assert len(asked) <= 10, path
