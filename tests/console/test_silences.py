"""Silences as a responder meets them: form, preview, and what was previewed is what is made."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from tests.console import scenes
from tests.console.reading import Reader, text

from nigrani.access.models import LedgerLine
from nigrani.alerts.models import Silence
from nigrani.lib import clock

pytestmark = pytest.mark.django_db

FORM = {"rules": "system-down", "why": "A deploy", "lasts": "2h"}


def signed(page: str) -> str:
    [found] = re.findall(r'name="signed" value="([^"]+)"', page)
    return str(found)


def test_a_silence_is_previewed_and_then_made_as_previewed(responder: Client) -> None:
    scenes.storm(clock.now())
    page = responder.post("/silences/preview", FORM).content.decode()
    assert "system-down" in page
    assert "it would have muted 1 message" in page
    assert not Silence.objects.exists()
    answer = responder.post("/silences/make", {"signed": signed(page), "rules": "*"})
    row = Silence.objects.get()
    assert answer["Location"] == f"/silences/{row.pk}"
    assert (row.rules, row.why, row.by) == (["system-down"], "A deploy", "ravi@example.org")
    assert LedgerLine.objects.latest("seq").action == "silence.made"
    assert "Silenced until" in text(responder, "/")


def test_another_plan_than_the_previewed_is_refused(responder: Client) -> None:
    for forged in ("", "x", "eyJ:1abc:def"):
        answer = responder.post("/silences/make", {"signed": forged})
        assert answer.status_code == 400
        assert "This is not what was previewed." in answer.content.decode()
    assert not Silence.objects.exists()


def test_mistakes_are_told_and_the_form_keeps_what_was_written(responder: Client) -> None:
    answer = responder.post("/silences/preview", {"rules": "system-dwn", "why": "x", "lasts": "31d"})
    page = answer.content.decode()
    assert answer.status_code == 400
    assert "nearest: system-down" in page
    assert "at most 30 d" in page
    assert 'value="system-dwn"' in page
    for field, wrong in (("lasts", "soon"), ("labels", "login"), ("starts", "tomorrow"), ("lasts", "9" * 400 + "d")):
        assert responder.post("/silences/preview", FORM | {field: wrong}).status_code == 400


def test_a_long_critical_silence_warns(responder: Client) -> None:
    page = responder.post("/silences/preview", FORM | {"lasts": "3d"}).content.decode()
    assert "It mutes critical alerts for longer than 24 hours: system-down." in page


def test_hostile_reasons_are_escaped_wherever_they_show(responder: Client) -> None:
    scenes.storm(clock.now())
    why = scenes.HOSTILE + "‮"
    page = responder.post("/silences/preview", FORM | {"why": why, "labels": f"probe={scenes.HOSTILE}"})
    assert page.status_code == 200
    row_page = responder.post("/silences/preview", FORM | {"why": why}).content.decode()
    responder.post("/silences/make", {"signed": signed(row_page)})
    number = Silence.objects.get().pk
    for address in ("/silences", f"/silences/{number}", f"/silences/{number}/end", "/"):
        found = text(responder, address)
        assert "<script>alert" not in found
        assert "<img src=x" not in found


def test_a_silence_is_moved_and_ended(responder: Client) -> None:
    responder.post("/silences/make", {"signed": signed(responder.post("/silences/preview", FORM).content.decode())})
    row = Silence.objects.get()
    responder.post(f"/silences/{row.pk}/move", {"lasts": "30m"})
    assert Silence.objects.get().until < row.until - timedelta(minutes=80)
    assert responder.post(f"/silences/{row.pk}/move", {"lasts": "40d"}).status_code == 409
    assert "What it muted and still fires is told at once." in text(responder, f"/silences/{row.pk}/end")
    assert responder.post(f"/silences/{row.pk}/end")["Location"] == "/silences"
    assert responder.post(f"/silences/{row.pk}/end").status_code == 409


def test_a_window_to_come_shows_as_such_and_one_that_stands_marks_its_source(responder: Client) -> None:
    now = clock.now()
    page = responder.post(
        "/silences/preview", {"sources": "website", "why": "Patches", "lasts": "1h", "starts": "2100-01-01T02:00"}
    )
    assert page.status_code == 400
    Silence.objects.create(
        kind="window", by="asha@example.org", why="Patches", sources=["website"], made_at=now, starts_at=now,
        until=now + timedelta(hours=1),
    )  # fmt: skip
    scenes.calm(now)
    for address in ("/", "/sources"):
        assert "In maintenance until" in text(responder, address)


def test_only_who_may_act_may_silence(viewer: Client) -> None:
    scenes.calm(clock.now())
    assert not [attrs for _, attrs in Reader(text(viewer, "/silences")).all("form") if "preview" in str(attrs)]
    for address in ("/silences/preview", "/silences/make", "/silences/1/end", "/silences/1/move"):
        assert viewer.post(address).status_code == 403
