"""The static files the pages use, read once: few, small, and packed before anybody asks."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from django.contrib.staticfiles import finders

NAMES = {
    "console/console.css": "text/css; charset=utf-8",
    "console/console.js": "text/javascript; charset=utf-8",
    "django_htmx/htmx-2.min.js": "text/javascript; charset=utf-8",
}


@dataclass(frozen=True)
class Asset:
    """A file as it is served."""

    kind: str
    plain: bytes
    packed: bytes
    etag: bytes


@cache
def assets() -> dict[str, Asset]:
    """Return every static file by its address."""
    found = {}
    for name, kind in NAMES.items():
        place = finders.find(name)
        assert isinstance(place, str), f"{name} is missing from the installation"
        plain = Path(place).read_bytes()
        etag = b'"' + sha256(plain).hexdigest()[:16].encode() + b'"'
        found[f"/static/{name}"] = Asset(kind, plain, gzip.compress(plain, mtime=0), etag)
    return found


@cache
def version() -> str:
    """Return a mark that changes when any of them does, so that browsers fetch it anew."""
    return sha256(b"".join(asset.etag for asset in assets().values())).hexdigest()[:12]
