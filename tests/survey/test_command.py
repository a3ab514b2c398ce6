"""`nigrani survey` as a person or a script meets it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from datetime import timedelta

import pytest
from tests.integrations import sites

from nigrani.access.models import LedgerLine
from nigrani.cli import nigrani
from nigrani.lib.errors import NigraniError
from nigrani.survey import asking

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask without pausing: the site is our own."""
    monkeypatch.setattr(asking, "PACE", timedelta())


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A website where nothing is known."""
    with sites.raw(_answer) as port:
        monkeypatch.setenv("ERP_URL", f"http://127.0.0.1:{port}")
        yield


def _answer(client: socket.socket) -> None:
    client.recv(65536)
    client.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 3\r\n\r\n404")


def run(*words: str) -> object:
    return nigrani.main(["survey", *words], standalone_mode=False)


def test_findings_are_told_and_end_with_1(site: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 1
    told = capsys.readouterr().out
    assert "no-health-route" in told
    assert "Allow it with --try" in told
    assert run("--json") == 1
    document = json.loads(capsys.readouterr().out)
    found = {each["name"] for each in document["findings"] if each["state"] == "found"}
    assert "no-health-route" in found
    assert len(document["rows"]) == 93
    assert run("show", str(document["number"]), "--json") == 1
    assert json.loads(capsys.readouterr().out)["number"] == document["number"]
    run("list", "--json")
    assert json.loads(capsys.readouterr().out)["items"][0]["number"] == document["number"]


def test_what_could_not_be_looked_at_ends_with_3(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ERP_URL", f"http://127.0.0.1:{sites.closed_port()}")
    assert run("--json") == 3
    states = {each["state"] for each in json.loads(capsys.readouterr().out)["findings"]}
    assert states == {"could not look", "waits for a try", "no source"}


def test_tries_are_told_and_asked_for(
    site: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("click.confirm", lambda *_, **__: False)
    assert run("--try") == 2
    assert "Posts an unsigned event named nigrani.survey" in capsys.readouterr().out
    with pytest.raises(Exception, match="--yes"):
        run("--try", "--json")
    assert not LedgerLine.objects.filter(action="survey.tried").exists()
    run("--try", "--yes", "--json", "--by", "asha@example.org")
    assert json.loads(capsys.readouterr().out)["tried"]
    assert LedgerLine.objects.filter(action="survey.tried").latest("seq").by == "asha@example.org"


def test_before_the_first_there_is_none_to_show() -> None:
    with pytest.raises(NigraniError, match="Nothing was surveyed yet"):
        run("--last")
    with pytest.raises(NigraniError, match="no survey 7"):
        run("show", "7")
