"""What every template knows."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from django.http import HttpRequest

from nigrani.access.models import Person
from nigrani.alerts import queries as alerts
from nigrani.guide import current
from nigrani.lib import clock
from nigrani.lib.errors import NigraniError
from nigrani.versions import noticed

from . import assets
from .menu import menu

THEMES = ("light", "dark")


def everywhere(request: HttpRequest) -> dict[str, object]:
    """Return the instant of the page (so that all its ages agree), its zone, its theme, and the navigation."""
    theme = request.COOKIES.get("nigrani_theme", "")
    known: dict[str, object] = {
        "now": clock.now(),
        "zone": ZoneInfo("UTC"),
        "theme": theme if theme in THEMES else "",
        "assets": assets.version(),
    }
    try:
        guide = current.get()
    except NigraniError:
        pass  # the pages say so themselves
    else:
        known |= {"zone": guide.zone, "guide_name": guide.name}
    person = getattr(request, "user", None)
    if isinstance(person, Person):
        counted: int | None = getattr(request, "firing", None)
        firing = alerts.firing_count() if counted is None else counted
        known |= {"firing": firing, "menu": menu(person, request.path, firing=firing)}
        known["pending"] = noticed.pending()
    return known
