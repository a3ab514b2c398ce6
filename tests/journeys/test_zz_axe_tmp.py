"""What a person does in a browser, on the application as it is served."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from tests.console import server

if TYPE_CHECKING:
    from nigrani.guide.model import Guide

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("browser")]

SHOTS = os.environ.get("CONSOLE_SHOTS")  # a folder: keep pictures of the pages for a review
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}
PAGES = (
    "alerts",
    "sources",
    "sources/website",
    "measures",
    "measures/login_ms",
    "measures/system_up",
    "promises",
    "cover",
    "deliveries",
    "guide",
    "guide/website.yaml",
    "people",
    "find?q=down",
    "keys",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the module."""
    # Playwright's loop runs in this thread, and Django refuses synchronous queries beside a loop: ours are meant.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", headless=True, chromium_sandbox=False, args=["--disable-gpu"]
        )
        yield started
        started.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def guide() -> Iterator[Guide]:
    """Let the console tests' guide run."""
    from tests.console import world

    from nigrani.guide import current

    loaded = world.load()
    current.set(loaded)
    yield loaded
    current._current = None


@pytest.fixture
def served(guide: Guide) -> Iterator[str]:
    """Serve the application."""
    with server.serving() as address:
        yield address


@pytest.fixture
def tab(browser: Browser, served: str) -> Iterator[Page]:
    """A tab of somebody who is not signed in; nothing may fail in it unseen."""
    context = browser.new_context(base_url=served, viewport=DESK, color_scheme="light", timezone_id="Asia/Kolkata")
    context.set_default_timeout(8000)
    yield from _watched(context)


def _watched(context: BrowserContext) -> Iterator[Page]:
    page, wrong = context.new_page(), []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    yield page
    context.close()
    assert wrong == []


def sign_in(page: Page, name: str = "Asha", role: str = "admin") -> None:
    from tests.console import world

    from nigrani.access.models import Role

    world.person(name, Role(role))
    page.goto("/login")
    page.get_by_label("E-mail address").fill(f"{name.lower()}@example.org")
    page.get_by_label("Password").fill(world.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def picture(page: Page, name: str) -> None:
    if not SHOTS:
        return
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        for size, view in (("desk", DESK), ("phone", PHONE)):
            page.set_viewport_size(view)
            page.screenshot(path=Path(SHOTS) / f"{name}-{theme}-{size}.png", full_page=True)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(DESK)


def storm(telemetry: str, guide: Guide) -> int:
    from tests.console import scenes

    from nigrani.lib import clock

    now = clock.now()
    down = scenes.storm(now)
    scenes.readings(guide, now)
    return down.pk



def test_axe(tab, telemetry, guide):
    down = storm(telemetry, guide)
    axe = open("/tmp/axe/axe_playwright_python/axe.min.js").read()
    found = {}
    done = []
    def look(name):
        for theme in ("light", "dark"):
            tab.emulate_media(color_scheme=theme)
            tab.evaluate(axe)
            result = tab.evaluate("axe.run({resultTypes:['violations']})")
            done.append(len(result["passes"]))
            for v in result["violations"]:
                found.setdefault((v["id"], v["impact"], v["help"]), []).append((name, theme, v["nodes"][0]["html"][:160], v["nodes"][0].get("failureSummary", "")[:300]))
    tab.goto("/login"); look("login")
    sign_in(tab)
    for size in (DESK, PHONE):
        tab.set_viewport_size(size)
        for name in ("", f"alerts/{down}", "rules", "rules/system-down", "rules/slow-pages/promote", "ledger", *PAGES):
            tab.goto(f"/{name}"); look(name + str(size["width"]))
    print("LOOKS", len(done), max(done))
    for key, places in found.items():
        print(key, len(places)); [print("    ", p) for p in places[:3]]
    assert not found
    assert 0
