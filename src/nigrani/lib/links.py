"""Where a message's link leads: route names in one place, so that a moved page breaks a test and not a page."""

from __future__ import annotations

import os
from urllib.parse import quote

ROUTES = {
    "overview": "/",
    "alerts": "/alerts",
    "alert": "/alerts/{id}",
    "source": "/sources/{name}",
    "measure": "/measures/{name}",
    "welcome": "/welcome/{token}",
}


def link(base: str, route: str, **parts: object) -> str:
    """Return the absolute address of a console page. `base` is the console's own address, without a slash."""
    filled = {key: quote(str(value), safe="") for key, value in parts.items()}
    return base.rstrip("/") + ROUTES[route].format(**filled)


def console() -> str:
    """Return the console's own address: NIGRANI_CONSOLE_URL, else where NIGRANI_LISTEN says that it listens."""
    listen = os.environ.get("NIGRANI_LISTEN", "127.0.0.1:8200")
    return os.environ.get("NIGRANI_CONSOLE_URL", f"http://{listen}").rstrip("/")
