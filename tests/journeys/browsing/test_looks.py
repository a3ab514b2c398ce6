"""How every page looks, by its budget's list: nothing for axe to find, nothing wider than a phone, heads in sight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest
from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]  # it has none
from playwright.sync_api import Browser, Page, ViewportSize, expect
from tests.journeys.browsing.tabs import DESK, PHONE, pages, sign_in, storm

if TYPE_CHECKING:
    from nigrani.guide.model import Guide

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("browser"),
    pytest.mark.timeout(900),
]

# Many rows of a kind are read as a few, and every chart's table is open.
FEWER = """() => {
    document.querySelectorAll("main details").forEach(each => { each.open = true });
    document.querySelectorAll("tbody tr:nth-child(n + 6), .code .l:nth-child(n + 20)").forEach(each => each.remove());
}"""
AXE = """([parts, rules]) => axe.run(parts, {resultTypes: ["violations"], iframes: false, ...rules})
    .then(told => told.violations.flatMap(
        each => each.nodes.map(node => `${each.id} ${node.target} ${node.failureSummary}`)))"""
OF_COLOUR = {"runOnly": ["color-contrast", "link-in-text-block"]}  # all that another theme can change
LOOKS: list[tuple[Literal["light", "dark"], ViewportSize, dict[str, list[str]]]] = [
    ("light", DESK, {}), ("light", PHONE, {}), ("dark", PHONE, OF_COLOUR),
]  # fmt: skip


@pytest.mark.slow("a browser and the telemetry engine")
def test_no_page_is_wider_than_a_phone_or_a_desk(tab: Page, telemetry: str, guide: Guide) -> None:
    down = storm(telemetry, guide)
    sign_in(tab)
    tab.set_viewport_size(PHONE)
    wide = {}
    for address in pages(down):
        tab.goto(address)
        for view in (PHONE, DESK):
            tab.set_viewport_size(view)
            width = tab.evaluate("document.documentElement.scrollWidth")
            if width > view["width"]:
                wide[address, view["width"]] = width
        small = tab.evaluate(
            "[...document.querySelectorAll('button, .button, input:not([type=hidden]), select, .nav a, .filters a')]"
            ".filter(each => each.checkVisibility() && each.getBoundingClientRect().height < 24).length"
        )
        assert small == 0, address
    assert wide == {}


@pytest.mark.slow("a browser and the telemetry engine")
def test_a_tables_head_stays_in_sight_and_its_columns_sort(tab: Page, telemetry: str, guide: Guide) -> None:
    from tests.console import crowd

    from nigrani.alerts.models import Alert
    from nigrani.lib import clock

    down = Alert.objects.select_related("rule").get(pk=storm(telemetry, guide))
    crowd.alerts(down.rule, range(60), clock.now())
    sign_in(tab)
    tab.goto("/alerts")
    tab.get_by_role("link", name="Value").click()
    expect(tab.get_by_role("columnheader", name="Value")).to_have_attribute("aria-sort", "ascending")
    tab.get_by_role("link", name="Value").click()
    expect(tab.get_by_role("columnheader", name="Value")).to_have_attribute("aria-sort", "descending")
    expect(tab.get_by_role("row").nth(2)).to_contain_text("web-59")  # below the one of slow pages
    tab.get_by_role("row").nth(45).scroll_into_view_if_needed()
    tab.evaluate("scrollTo(0, 900)")
    expect(tab.get_by_role("columnheader", name="Value")).to_be_in_viewport()
    tab.get_by_role("link", name="More", exact=True).click()
    expect(tab.get_by_text("Page 2", exact=True)).to_be_visible()


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
        for theme, view, rules in LOOKS:
            tab.emulate_media(color_scheme=theme)
            tab.set_viewport_size(view)
            wrong = tab.evaluate(AXE, [parts if name else "html", rules])
            found.extend(f"/{name} {theme} {view['width']}: {each}" for each in wrong)

    for name in ("login", f"welcome/{new}", f"welcome/{again}", "welcome/over"):
        read(name)
    tab.emulate_media(color_scheme="light")
    sign_in(tab)
    for address in [*pages(down), "/ledger?verify=1", "/deliveries?fate=not_sent", "/nowhere"]:
        read(address.removeprefix("/"))
    context.close()
    assert sorted(found) == []
