"""Webhook: messages as signed JSON to a system of your own."""

from __future__ import annotations

from nigrani.integrations import Limit, Manifest

MANIFEST = Manifest(
    name="webhook",
    title="Webhook (JSON over HTTP)",
    faces=("send",),
    verified_on="2026-11-03",
    limits=(
        Limit("body", "under 40,000 characters", "our own: the outbox cuts a notice before it keeps it"),
        Limit("wait after 429 or 503", "the seconds or the date in Retry-After", "RFC 9110, 10.2.3"),
        Limit("repeats of one message", "carry the same Idempotency-Key", "IETF draft Idempotency-Key header field"),
    ),
)
