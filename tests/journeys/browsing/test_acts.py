"""What a person does in a browser, on the application as it is served."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.journeys.browsing.tabs import DESK, SHOTS, pages, picture, sign_in, storm

if TYPE_CHECKING:
    from nigrani.guide.model import Guide

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("browser"),
    pytest.mark.timeout(900),
]


@pytest.mark.slow("a browser, a server and the telemetry engine")
def test_from_sign_in_to_what_to_do_and_a_promoted_rule(tab: Page, telemetry: str, guide: Guide) -> None:
    down = storm(telemetry, guide)
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
    for address in pages(down) if SHOTS else ():
        tab.goto(address)
        picture(tab, re.sub(r"\W+", "-", address.strip("/")) or "start")


@pytest.mark.slow("a browser and the telemetry engine")
def test_without_javascript_everything_reads_and_acts(
    browser: Browser, served: str, telemetry: str, guide: Guide
) -> None:
    down = storm(telemetry, guide)
    context = browser.new_context(base_url=served, viewport=DESK, java_script_enabled=False)
    context.set_default_timeout(30_000)
    tab = context.new_page()
    sign_in(tab)
    expect(tab.get_by_role("heading", level=1)).to_have_text("1 alert is firing")
    for address in pages(down):
        tab.goto(address)
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
    for key, place in (("i", "/silences"), ("v", "/versions"), ("y", "/survey"), ("o", "/")):
        tab.keyboard.press("g")
        tab.keyboard.press(key)
        expect(tab).to_have_url(re.compile(f"{place}$"))
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
