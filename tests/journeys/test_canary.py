"""No secret shows anywhere outside its file: not in logs, pages, stores, commands or process lists."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from tests.eventually import eventually
from tests.journeys.browser import Browser
from tests.journeys.house import CANARY, HEALTH, House

from nigrani.lib.secret import Secret
from nigrani.node import pids

pytestmark = [
    pytest.mark.slow("breaks whatever holds a secret, then looks everywhere"),
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("whole"),
]


def _holding(folder: Path, *, but: Path) -> list[Path]:
    """Return the files below a folder that hold the canary."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and not path.is_relative_to(but):
            try:
                if CANARY.encode() in path.read_bytes():
                    found.append(path)
            except FileNotFoundError:  # a store at work
                continue
    return found


def _database_error(whole: House) -> str:
    found = whole.ask(
        "SELECT string_agg(p.last_failure || ' ' || p.last_detail, ' ') AS said FROM sources_probe p"
        " JOIN sources_source s ON s.id = p.source_id WHERE s.name = 'database'"
    )
    return str(found[0]["said"])


def _break_whatever_holds_a_secret(whole: House) -> None:
    kept = whole.home.vault.get("ERP_DATABASE_URL")
    assert kept is not None
    item = whole.newest()
    whole.yard.fault("slack_trouble", on=True, kind="500", count=1)
    whole.yard.fault("hook_trouble", on=True, kind="500")
    whole.yard.fault("deadman_trouble", on=True, kind="500")
    whole.yard.fault("web_down", on=True)
    whole.home.vault.put("ERP_DATABASE_URL", Secret(kept.reveal().replace(f"{CANARY}-monitor", f"{CANARY}-wrong")))
    eventually(lambda: "refused" in _database_error(whole), timeout_s=30)
    whole.becomes(HEALTH, "firing")
    failed = "SELECT count(DISTINCT receiver) AS n FROM outbox_attempt WHERE outcome NOT IN ('', 'sent')"
    eventually(lambda: whole.ask(failed)[0]["n"] >= 4, timeout_s=30)  # Slack, mail, webhook, Apprise
    whole.yard.fault("hook_trouble", on=False)
    whole.yard.fault("deadman_trouble", on=False)
    whole.yard.fault("web_down", on=False)
    whole.home.vault.put("ERP_DATABASE_URL", kept)
    eventually(lambda: whole.told("resolved", HEALTH, after=item), timeout_s=60)


def test_after_everything_went_wrong_no_secret_is_found_anywhere(whole: House) -> None:
    assert CANARY in (whole.home.vault.get("SLACK_WEBHOOK_URL") or Secret("")).reveal()
    _break_whatever_holds_a_secret(whole)

    assert _holding(whole.home.path, but=whole.home.secrets) == []
    for pid in pids.tree(whole.up.process.pid):
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            assert CANARY.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
    for words in (
        ("doctor", "--json"),
        ("guide", "show", "--json"),
        ("guide", "show", "production-alerts"),
        ("delivery", "--limit", "1000", "--json"),
        ("ledger", "--json"),
        ("receiver", "test", "on-call-apprise"),
        ("receiver", "test", "devops-channel"),
    ):
        told = whole.run(*words)
        assert CANARY not in told.stdout + told.stderr, words

    browser = Browser(whole.console)
    invited = whole.run("person", "invite", "--role", "admin", "--json")
    assert invited.returncode == 0, invited.stderr
    link = json.loads(invited.stdout)["link"]
    assert link.startswith(f"{whole.console}/")
    status, _ = browser.post(link, name="Asha", email="asha@example.in", password="a long enough pass 1")
    assert status == 200
    pages = browser.crawl()
    assert {address: status for address, (status, _) in pages.items() if status >= 400} == {}
    assert {"/", "/sources", "/sources/database", "/deliveries", "/guide", "/ledger"} <= set(pages)
    assert [address for address, (_, text) in pages.items() if CANARY in text] == []
