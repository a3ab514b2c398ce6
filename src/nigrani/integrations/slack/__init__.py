"""Slack: messages into a channel, by incoming webhook or as a bot."""

from __future__ import annotations

from nigrani.integrations import Limit, Manifest

_MODELS = "PyPI package slack_sdk 3.47.0, models.blocks"

MANIFEST = Manifest(
    name="slack",
    title="Slack",
    faces=("send",),
    verified_on="2026-11-03",
    limits=(
        Limit("header text", "150 characters", _MODELS),
        Limit("section text", "3,000 characters", _MODELS),
        Limit("blocks in a message", "50", "Slack docs, Reference: blocks (not confirmed against a live workspace)"),
        Limit("messages into one channel", "about 1 a second, short bursts allowed", "docs.slack.dev, Rate limits"),
        Limit("wait after 429", "the seconds in Retry-After", "docs.slack.dev, Rate limits"),
        Limit(
            "what an incoming webhook answers",
            "200 and the text ok; 403, 404 and 410 are final",
            "api.slack.com changelog 2016-05-17, Improving error conditions for Incoming Webhooks",
        ),
        Limit(
            "what chat.postMessage answers",
            "200 even on failure, with ok: false and an error word",
            "docs.slack.dev, chat.postMessage",
        ),
    ),
)
