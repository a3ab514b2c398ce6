"""A browser, the application as it is served, and a tab in which nothing fails unseen."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from tests.console import server
from tests.journeys.browsing.tabs import DESK

if TYPE_CHECKING:
    from nigrani.guide.model import Guide


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

    with world.running() as loaded:
        yield loaded


@pytest.fixture
def served(guide: Guide) -> Iterator[str]:
    """Serve the application."""
    with server.serving() as address:
        yield address


@pytest.fixture
def tab(browser: Browser, served: str) -> Iterator[Page]:
    """A tab of somebody who is not signed in; nothing may fail in it unseen."""
    context = browser.new_context(base_url=served, viewport=DESK, color_scheme="light", timezone_id="Asia/Kolkata")
    context.set_default_timeout(30_000)
    yield from _watched(context)


def _watched(context: BrowserContext) -> Iterator[Page]:
    page, wrong = context.new_page(), []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    yield page
    context.close()
    assert wrong == []
