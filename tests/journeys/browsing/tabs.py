"""What the browser's journeys share: the sizes, the pages, signing in, and pictures for a review."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import Page, ViewportSize, expect
from tests.console import budgets

if TYPE_CHECKING:
    from nigrani.guide.model import Guide

SHOTS = os.environ.get("CONSOLE_SHOTS")  # a folder: keep pictures of the pages for a review
PHONE: ViewportSize = {"width": 390, "height": 844}
DESK: ViewportSize = {"width": 1280, "height": 900}


def pages(alert: int) -> list[str]:
    """Return the address of every page there is, as its budget names it, for the alert that fires.

    A viewer with a token joins, so that there is somebody whose access can be taken away.
    """
    from tests.console import crowd, world

    from nigrani.access.models import ApiToken, Role
    from nigrani.alerts.models import Silence
    from nigrani.lib import clock
    from nigrani.survey.models import Survey

    vera = world.person("Vera", Role.VIEWER)
    token = ApiToken.objects.create(
        token_hash="vera", ending="abcd", name="board", person=vera, role=Role.VIEWER, created_at=clock.now()
    )
    crowd.silences(range(2), clock.now())
    silence, survey = Silence.objects.filter(over_at=None).latest("id"), Survey.objects.latest("id")
    made = {"alert": alert, "person": vera.pk, "token": token.pk, "silence": silence.pk, "survey": survey.pk}
    named = [each for name, budget in budgets.PAGES.items() if name != "now" for each in budget.addresses]
    # Each page once, and not again in another order or further on. The overview's region is no page of its own.
    chosen = [each for each in named if not re.search("page=|before=|sort=", each)]
    return [address.format(**made) for address in chosen] + ["/find?q=zzz"]


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
    scenes.surveyed(guide, now)
    return down.pk
