"""Slack's limits on a message (Block Kit reference; slack_sdk.models)."""

from collections.abc import Iterator
from typing import Any

MAX_BLOCKS = 50
MAX_TEXT = 40_000
MAX_SECTION_TEXT = 3_000
MAX_HEADER_TEXT = 150
MAX_BUTTON_TEXT = 75
MAX_BUTTON_VALUE = 2_000
MAX_ACTIONS = 25
MAX_FIELDS = 10
MAX_FIELD_TEXT = 2_000
MAX_CONTEXT = 10
MAX_BLOCK_ID = 255
BLOCKS = ("section", "header", "actions", "context", "divider", "image", "rich_text", "input", "video", "markdown")


def fault(payload: Any, *, api: bool = False) -> str | None:
    """Return the word with which Slack refuses a message, or None for a good one.

    api: the Web API's words, which differ from the webhook's for a payload that is no object.
    """
    if not isinstance(payload, dict):
        return "invalid_json" if api else "invalid_payload"
    text, given = payload.get("text"), payload.get("blocks")
    if text is not None and not isinstance(text, str):
        return "no_text" if api else "invalid_payload"
    if not text and not given and not payload.get("attachments"):
        return "no_text"
    if text and len(text) > MAX_TEXT:
        return "msg_too_long"
    if given is None:
        return None
    if not isinstance(given, list):
        return "invalid_blocks_format"
    if len(given) > MAX_BLOCKS or any(True for block in given for _ in problems(block)):
        return "invalid_blocks"
    return None


def problems(block: Any) -> Iterator[str]:
    """Yield what is wrong with one block."""
    if not isinstance(block, dict) or block.get("type") not in BLOCKS:
        yield "unsupported type"
        return
    if len(str(block.get("block_id", ""))) > MAX_BLOCK_ID:
        yield "block_id too long"
    kind = block["type"]
    if kind == "section":
        yield from _section(block)
    elif kind == "header":
        yield from _text(block.get("text"), MAX_HEADER_TEXT, kinds=("plain_text",))
    elif kind == "actions":
        yield from _actions(block.get("elements"))
    elif kind == "context":
        elements = block.get("elements")
        if not isinstance(elements, list) or not 0 < len(elements) <= MAX_CONTEXT:
            yield "context elements"


def _section(block: dict[str, Any]) -> Iterator[str]:
    fields = block.get("fields", [])
    if "text" not in block and not fields:
        yield "section without text and fields"
    if "text" in block:
        yield from _text(block["text"], MAX_SECTION_TEXT)
    if not isinstance(fields, list) or len(fields) > MAX_FIELDS:
        yield "too many fields"
        return
    for each in fields:
        yield from _text(each, MAX_FIELD_TEXT)


def _actions(elements: Any) -> Iterator[str]:
    if not isinstance(elements, list) or not 0 < len(elements) <= MAX_ACTIONS:
        yield "actions elements"
        return
    for element in elements:
        if not isinstance(element, dict):
            yield "element is no object"
        elif element.get("type") == "button":
            yield from _text(element.get("text"), MAX_BUTTON_TEXT, kinds=("plain_text",))
            if len(str(element.get("value", ""))) > MAX_BUTTON_VALUE:
                yield "button value too long"
            if element.get("style", "primary") not in ("primary", "danger"):
                yield "button style"


def _text(text: Any, limit: int, *, kinds: tuple[str, ...] = ("plain_text", "mrkdwn")) -> Iterator[str]:
    if not isinstance(text, dict) or text.get("type") not in kinds:
        yield "text object"
    elif not isinstance(text.get("text"), str) or not 0 < len(text["text"]) <= limit:
        yield "text length"
