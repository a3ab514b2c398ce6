"""Apprise: the long tail of services, through the library of that name."""

from __future__ import annotations

from nigrani.integrations import Limit, Manifest

MANIFEST = Manifest(
    name="apprise",
    title="Apprise (many services)",
    faces=("send",),
    verified_on="2026-11-03",
    limits=(
        Limit(
            "what is known after a try",
            "true or false: no message id, no reason, no time to wait",
            "PyPI package apprise 2.2.0, Apprise.notify",
        ),
    ),
)
