"""A rule on the past, as its page, its promotion and the API show it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.test import Client
from tests.console import scenes
from tests.console.reading import text

from nigrani.access import tokens
from nigrani.access.models import LedgerLine, Person, Role
from nigrani.alerts.models import Alert
from nigrani.lib import clock
from nigrani.telemetry import store

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
LOGIN = "/rules/slow-pages/backtest"


@pytest.fixture
def watched(morning: Alert) -> Alert:
    """A bad morning with readings, of which we know that we watched."""
    now = clock.now().replace(second=30, microsecond=0)
    store.insert("gauges", [row for back in range(360) for row in _signs(now - back * MINUTE)])
    return morning


def _signs(at: object) -> list[dict[str, object]]:
    row = {"at": at, "received_at": at, "source": "nigrani"}
    return [
        {**row, "id": f"b{at}", "labels": {}, "name": "nigrani.journal.backlog_rows", "value": 0.0},
        {**row, "id": f"a{at}", "labels": {"source": "website"}, "name": "nigrani.source.age_s", "value": 0.0},
    ]


def test_the_page_says_when_it_would_have_fired_and_draws_it(viewer: Client, watched: Alert) -> None:
    page = text(viewer, "/rules/system-down/backtest?days=1")
    assert "Over 1 d it would have fired once" in page
    assert "At most 1 message each would have gone to #production-alerts." in page
    assert "of the time could not be judged: it was not computed yet." in page
    assert "<svg" in page
    assert "is below 95 %" in page
    calm = text(viewer, "/rules/system-down/backtest?days=1&level=20%25")
    assert "Over 1 d it would not have fired." in calm
    assert "This is a trial. To keep it, write it in the guide" in calm


def test_what_can_not_be_tried_is_said_and_nothing_is_run(viewer: Client, watched: Alert) -> None:
    for asked, said in (
        ("level=2s", "is no level of system_up (unit: ratio). Write a ratio such as 95% or 0.95."),
        ("window=fast", "over is &#x27;fast&#x27;, no duration of up to 30 d"),
        ("hold=99d", "hold is &#x27;99d&#x27;, no duration of up to 30 d"),
        (f"level={'x' * 5000}%3Cscript%3Ealert(1)%3C/script%3E", "This can't be tried."),
        ("level=%3Cscript%3E&hold=%E2%80%AE", "This can't be tried."),
    ):
        page = text(viewer, f"/rules/system-down/backtest?{asked}")
        assert said in page, page
        assert "<script>alert" not in page
        assert "When it would have fired" not in page


def test_without_a_past_the_page_teaches_and_without_telemetry_it_says_so(
    viewer: Client, telemetry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenes.calm(clock.now())
    page = text(viewer, LOGIN)
    assert "A backtest needs readings that were recorded while Nigrani watched" in page
    assert "Nothing of this time can be judged, so nothing is said of it." in page
    monkeypatch.setenv("NIGRANI_CLICKHOUSE_URL", "http://nigrani:x@127.0.0.1:9/nigrani")
    assert "The rule" in text(viewer, LOGIN)


def test_telemetry_that_is_away_keeps_nobody_from_deciding(
    admin: Client, morning: Alert, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGRANI_CLICKHOUSE_URL", "http://nigrani:x@127.0.0.1:9/nigrani")
    assert "Telemetry does not answer." in text(admin, LOGIN)
    assert "can&#x27;t be told now" in text(admin, "/rules/slow-pages/promote")
    assert admin.post("/rules/slow-pages/promote").status_code == 302
    assert LedgerLine.objects.latest("seq").action == "alert.promoted"


def test_promoting_shows_what_shadow_would_have_sent(admin: Client, watched: Alert) -> None:
    page = text(admin, "/rules/slow-pages/promote")
    assert "In shadow since" in page
    assert "it recorded that it would have told of 1 change." in page
    assert "it would have fired once" in page


def test_the_api_answers_the_same_and_is_bounded(watched: Alert, admin: Client) -> None:
    token = tokens.create("tests", Role.VIEWER, by=Person.objects.get(name="Asha"), now=clock.now())

    def get(name: str, **asked: str) -> tuple[int, dict[str, object]]:
        answer = Client().get(f"/api/v1/rules/{name}/backtest", asked, headers={"Authorization": f"Bearer {token}"})
        return answer.status_code, json.loads(answer.content)

    status, found = get("system-down", days="1")
    assert (status, found["rule"], found["count"], found["level"]) == (200, "system-down", 1, "below 95 %")
    assert found["told"][0]["title"] == "#production-alerts"  # type: ignore[index]
    assert 0 < float(str(found["judged"])) < 1
    assert get("system-down", days="1", below="20%")[1]["count"] == 0
    assert get("none")[0] == 404
    for asked in ({"days": "91"}, {"days": "nan"}, {"days": "x"}, {"above": "2s"}, {"over": "40d"}):
        assert get("system-down", **asked)[0] == 400, asked
