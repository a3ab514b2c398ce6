"""What a person does in a browser, on the application as it is served."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]  # it has none
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect, sync_playwright
from tests.console import server

if TYPE_CHECKING:
    from nigrani.guide.model import Guide

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("browser")]

SHOTS = os.environ.get("CONSOLE_SHOTS")  # a folder: keep pictures of the pages for a review
PHONE: ViewportSize = {"width": 390, "height": 844}
DESK: ViewportSize = {"width": 1280, "height": 900}
PAGES = (
    "alerts",
    "silences",
    "sources",
    "sources/website",
    "measures",
    "measures/login_ms",
    "measures/system_up",
    "promises",
    "cover",
    "survey",
    "deliveries",
    "guide",
    "guide/website.yaml",
    "versions",
    "versions/2",
    "versions/3",
    "people",
    "find?q=down",
    "find?q=zzz",
    "keys",
    "password",
)

# Many rows of a kind are read as a few, and every chart's table is open.
FEWER = """() => {
    document.querySelectorAll("main details").forEach(each => { each.open = true });
    document.querySelectorAll("tbody tr:nth-child(n + 6), .code .l:nth-child(n + 20)").forEach(each => each.remove());
}"""
AXE = """([parts, rules]) => axe.run(parts, {resultTypes: ["violations"], iframes: false, ...rules})
    .then(told => told.violations.flatMap(
        each => each.nodes.map(node => `${each.id} ${node.target} ${node.failureSummary}`)))"""
OF_COLOUR = {"runOnly": ["color-contrast", "link-in-text-block"]}  # all that another theme can change


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
    from nigrani.versions import noticed

    loaded = world.load()
    current.set(loaded)
    noticed.forget()
    yield loaded
    current._current = None
    noticed.forget()


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


@pytest.mark.slow("a browser, a server and the telemetry engine")
def test_from_sign_in_to_what_to_do_and_a_promoted_rule(tab: Page, telemetry: str, guide: Guide) -> None:
    storm(telemetry, guide)
    tab.goto("/")
    expect(tab).to_have_url(re.compile(r"/login\?next=/$"))
    picture(tab, "login")
    sign_in(tab)
    expect(tab).to_have_title("(1) Overview · Nigrani")
    expect(tab.get_by_role("heading", level=1)).to_have_text("1 alert is firing")
    picture(tab, "overview")

    tab.get_by_role("link", name="System Down").first.click()
    expect(tab.get_by_role("heading", name="What to do")).to_be_visible()
    expect(tab.get_by_text("Open the login page from a phone")).to_be_visible()
    expect(tab.locator("svg.chart text.said")).to_be_visible()
    picture(tab, "alert")

    tab.get_by_role("link", name="Rules").click()
    picture(tab, "rules")
    tab.get_by_role("link", name="Pages are slow").click()
    picture(tab, "rule")
    tab.get_by_role("link", name="Promote to live…").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("Let “Pages are slow” send?")
    picture(tab, "confirm")
    tab.get_by_role("button", name="Promote to live").click()
    expect(tab.get_by_text("“Pages are slow” is live.")).to_be_visible()
    tab.get_by_role("link", name="Ledger").click()
    expect(tab.get_by_role("row").nth(1)).to_contain_text("alert.promoted")
    tab.get_by_role("link", name="Verify the whole chain").click()
    expect(tab.get_by_text("Every line is as it was written.")).to_be_visible()
    picture(tab, "ledger")
    for name in PAGES:
        tab.goto(f"/{name}")
        picture(tab, re.sub(r"\W", "-", name))


@pytest.mark.slow("a browser and the telemetry engine")
def test_without_javascript_everything_reads_and_acts(
    browser: Browser, served: str, telemetry: str, guide: Guide
) -> None:
    storm(telemetry, guide)
    context = browser.new_context(base_url=served, viewport=DESK, java_script_enabled=False)
    context.set_default_timeout(30_000)
    tab = context.new_page()
    sign_in(tab)
    expect(tab.get_by_role("heading", level=1)).to_have_text("1 alert is firing")
    for name in PAGES:
        tab.goto(f"/{name}")
        expect(tab.get_by_role("heading", level=1)).to_be_visible()
    tab.goto("/rules/slow-pages")
    tab.get_by_role("link", name="Promote to live…").click()
    tab.get_by_role("button", name="Promote to live").click()
    expect(tab.get_by_text("“Pages are slow” is live.")).to_be_visible()
    tab.locator("summary", has_text="Asha").click()
    tab.get_by_role("button", name="Dark").click()
    expect(tab.locator("html")).to_have_attribute("data-theme", "dark")
    tab.goto("/guide/website.yaml#L20")
    expect(tab.locator("#L20")).to_be_in_viewport()
    tab.locator("summary", has_text="Asha").click()
    tab.get_by_role("button", name="Sign out").click()
    expect(tab).to_have_url(re.compile("/login$"))
    context.close()


@pytest.mark.slow("a browser and the telemetry engine")
def test_by_keyboard_alone(tab: Page, telemetry: str, guide: Guide) -> None:
    storm(telemetry, guide)
    sign_in(tab)
    tab.keyboard.press("Tab")
    expect(tab.get_by_role("link", name="Skip to the page")).to_be_focused()
    expect(tab.get_by_role("link", name="Skip to the page")).to_be_in_viewport()
    tab.keyboard.press("Enter")
    tab.keyboard.press("g")
    tab.keyboard.press("a")
    expect(tab).to_have_url(re.compile("/alerts$"))
    tab.keyboard.press("j")
    expect(tab.locator("tr.picked")).to_have_count(1)
    expect(tab.locator("tr.picked a").first).to_be_focused()
    outline = tab.locator("tr.picked a").first.evaluate("link => getComputedStyle(link).outlineStyle")
    assert outline == "solid"
    tab.keyboard.press("j")
    tab.keyboard.press("k")
    tab.keyboard.press("Enter")
    expect(tab).to_have_url(re.compile(r"/alerts/\d+$"))
    tab.keyboard.press("?")
    expect(tab.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    tab.keyboard.press("Escape")
    tab.keyboard.press("/")
    expect(tab.get_by_role("searchbox")).to_be_focused()
    tab.keyboard.type("gja?")
    expect(tab.get_by_role("searchbox")).to_have_value("gja?")
    tab.get_by_role("searchbox").fill("slow")
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("link", name="slow-pages")).to_be_visible()
    tab.goto("/keys")
    tab.locator("main").get_by_role("button", name="Switch shortcuts off").click()
    tab.keyboard.press("g")
    tab.keyboard.press("a")
    expect(tab).to_have_url(re.compile("/keys$"))


@pytest.mark.slow("a browser and the telemetry engine")
def test_on_a_phone_no_page_is_wider_than_it(tab: Page, telemetry: str, guide: Guide) -> None:
    down = storm(telemetry, guide)
    sign_in(tab)
    tab.set_viewport_size(PHONE)
    wide = {}
    for name in ("", f"alerts/{down}", "rules", "rules/system-down", "rules/slow-pages/promote", "ledger", *PAGES):
        tab.goto(f"/{name}")
        width = tab.evaluate("document.documentElement.scrollWidth")
        if width > PHONE["width"]:
            wide[name] = width
        small = tab.evaluate(
            "[...document.querySelectorAll('button, .button, input:not([type=hidden]), select, .nav a, .filters a')]"
            ".filter(each => each.checkVisibility() && each.getBoundingClientRect().height < 24).length"
        )
        assert small == 0, name
    assert wide == {}


@pytest.mark.slow("axe-core reads every page in both themes and at both widths")
def test_axe_finds_nothing_on_any_page(browser: Browser, served: str, telemetry: str, guide: Guide) -> None:
    from tests.console import world

    from nigrani.access import people
    from nigrani.access.models import Role
    from nigrani.lib import clock

    down, ravi, now = storm(telemetry, guide), world.person("Ravi", Role.VIEWER), clock.now()
    new, again = people.invite("viewer", by="tests", now=now), people.invite_again(ravi, by="tests", now=now)
    context = browser.new_context(base_url=served, viewport=DESK, color_scheme="light")
    context.set_default_timeout(30_000)
    tab, found = context.new_page(), list[str]()

    parts = {"exclude": [[".bar"], [".nav"]]}  # the same on every page: read on the overview

    def read(name: str) -> None:
        tab.goto(f"/{name}")
        tab.evaluate(FEWER)
        tab.evaluate(AXE_SCRIPT)
        for theme in ("light", "dark"):
            tab.emulate_media(color_scheme=theme)
            for view in (DESK, PHONE):
                tab.set_viewport_size(view)
                wrong = tab.evaluate(AXE, [parts if name else "html", {} if theme == "light" else OF_COLOUR])
                found.extend(f"/{name} {theme} {view['width']}: {each}" for each in wrong)

    for name in ("login", f"welcome/{new}", f"welcome/{again}", "welcome/over"):
        read(name)
    tab.emulate_media(color_scheme="light")
    sign_in(tab)
    decides = ("rules/system-down/demote", f"people/{ravi.pk}/take-away", f"people/{ravi.pk}/invite-again")
    lists = ("rules", "rules?phase=shadow", "rules/system-down", "ledger?verify=1")
    for name in ("", f"alerts/{down}", *lists, *decides, *PAGES, "nowhere"):
        read(name)
    context.close()
    assert sorted(found) == []


@pytest.mark.slow("a browser that waits for the page to refresh itself")
def test_the_overview_refreshes_itself(tab: Page, guide: Guide) -> None:
    from tests.console import scenes

    from nigrani.alerts.models import Alert
    from nigrani.lib import clock

    scenes.calm(clock.now())
    sign_in(tab)
    expect(tab.get_by_role("heading", level=1)).to_have_text("All well")
    picture(tab, "overview-calm")
    Alert.objects.filter(rule__name="system-down").update(state="firing")
    expect(tab.get_by_role("heading", level=1)).to_have_text("1 alert is firing", timeout=12_000)
    expect(tab).to_have_title("(1) Overview · Nigrani")
    expect(tab.locator("#said")).to_have_text("1 alert is firing")
    assert tab.locator("link[rel=icon]").get_attribute("href") == "/favicon.svg?firing=1"


def test_the_theme_follows_the_system_and_can_be_set(tab: Page, guide: Guide) -> None:
    sign_in(tab)
    ground = "getComputedStyle(document.body).backgroundColor"
    light = tab.evaluate(ground)
    tab.emulate_media(color_scheme="dark")
    dark = tab.evaluate(ground)
    assert light != dark
    tab.emulate_media(color_scheme="light")
    tab.locator("summary", has_text="Asha").click()
    tab.get_by_role("button", name="Dark").click()
    assert tab.evaluate(ground) == dark
    tab.reload()
    assert tab.evaluate(ground) == dark
    tab.locator("summary", has_text="Asha").click()
    tab.get_by_role("button", name="System").click()
    assert tab.evaluate(ground) == light
