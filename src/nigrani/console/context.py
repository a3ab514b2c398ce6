"""What every template knows."""

from __future__ import annotations

from django.http import HttpRequest

from nigrani.lib import clock


def everywhere(request: HttpRequest) -> dict[str, object]:
    """Return the instant of the page, so that all its ages agree."""
    return {"now": clock.now()}
