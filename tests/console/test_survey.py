"""The survey's page: what it shows, who may ask anew, and what it says while one is under way."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from tests.console import scenes, world
from tests.console.reading import Reader, plain, text

from nigrani.access.models import LedgerLine
from nigrani.guide import current
from nigrani.guide.model import Guide
from nigrani.lib import clock
from nigrani.survey.models import Survey

pytestmark = pytest.mark.django_db


def test_before_the_first_it_says_how_one_comes_about(viewer: Client) -> None:
    page = plain(text(viewer, "/survey"))
    assert "Nothing was surveyed yet." in page
    assert "Survey now" not in page, "a viewer is not offered what they may not do"


def test_findings_show_their_evidence_and_lead_to_their_rows(viewer: Client, guide: Guide) -> None:
    scenes.surveyed(guide, clock.now())
    page = text(viewer, "/survey")
    reader = Reader(page)
    assert "<script>alert" not in page
    hrefs = {attrs.get("href") for _, attrs in reader.all("a")}
    assert {"#A01", "#A03", "#no-health-route", "/cover#A01", "/cover#S01"} <= hrefs
    assert "export async function GET() {}" in page
    words = plain(page)
    assert "There is no health route" in words
    assert "3 findings" in words


def test_rows_are_narrowed_by_state_and_section(viewer: Client, guide: Guide) -> None:
    scenes.surveyed(guide, clock.now())
    rows = [attrs["id"] for _, attrs in Reader(text(viewer, "/survey?state=hindered")).all("tr") if "id" in attrs]
    assert rows == ["A03"]
    rows = [attrs["id"] for _, attrs in Reader(text(viewer, "/survey?section=KPI")).all("tr") if "id" in attrs]
    assert rows == [f"K{number:02}" for number in range(1, 11)]


def test_what_is_new_and_gone_since_the_one_before_is_said(viewer: Client, guide: Guide) -> None:
    scenes.surveyed(guide, clock.now(), states=("clear", "found", "found"))
    scenes.surveyed(guide, clock.now(), states=("found", "clear", "found"))
    assert "2 findings; 1 new and 1 gone since survey" in plain(text(viewer, "/survey"))


def test_an_earlier_survey_is_shown_and_exported(viewer: Client, guide: Guide) -> None:
    first = scenes.surveyed(guide, clock.now())
    scenes.surveyed(guide, clock.now(), states=("clear",))
    assert f"Survey {first.pk}, ended" in plain(text(viewer, f"/surveys/{first.pk}"))
    answer = viewer.get(f"/surveys/{first.pk}.json")
    document = json.loads(answer.content)
    assert len(document["rows"]) == 93
    assert {each["state"] for each in document["findings"]} == {"found"}


def test_a_responder_lets_a_worker_survey_and_sees_it_coming(responder: Client) -> None:
    answer = responder.post("/survey/begin", follow=True)
    assert "The survey begins" in answer.content.decode()
    assert Survey.objects.get().by == "ravi@example.org"
    assert "waits for a worker" in plain(text(responder, "/survey"))
    again = responder.post("/survey/begin", follow=True)
    assert "A survey is under way already." in again.content.decode()
    Survey.objects.update(state="running", done=2)
    assert "2 of 3 questions asked" in text(responder, "/survey/progress")
    Survey.objects.update(state="done", next_at=None)
    assert "The survey has ended" in text(responder, "/survey/progress")


def test_tries_are_told_beforehand_need_an_admin_and_leave_a_line(admin: Client, responder: Client) -> None:
    page = plain(text(admin, "/survey/try"))
    assert "Posts an unsigned event. It shows whether: The gateway is turned away." in page
    assert responder.post("/survey/try").status_code == 403
    assert not Survey.objects.exists()
    admin.post("/survey/try")
    row = Survey.objects.get()
    assert row.tries
    line = LedgerLine.objects.get(action="survey.tried")
    assert line.by == "asha@example.org"
    assert "Posts an unsigned event." in line.detail_json


def test_a_viewer_may_not_ask(viewer: Client) -> None:
    assert viewer.post("/survey/begin").status_code == 403
    assert not Survey.objects.exists()


def test_a_survey_of_the_guide_that_ships_fits_its_page(viewer: Client) -> None:
    shipped = world.shipped()
    current.set(shipped)
    scenes.surveyed(shipped, clock.now(), came="x" * 200)
    pages = [text(viewer, f"/survey?page={number}") for number in (1, 2, 0, 99, "x")]
    assert max(len(page.encode()) for page in pages) < 100_000
    rows = [[attrs["id"] for _, attrs in Reader(page).all("tr") if "id" in attrs] for page in pages]
    assert rows[0] + rows[1] == list(shipped.rows)
    assert (rows[2], rows[3], rows[4]) == (rows[0], rows[1], rows[0])
