"""A notice as it lies in the outbox: clean, bounded, without anything that is kept elsewhere."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import Any

import msgspec

from nigrani.integrations import Notice

TITLE_MAX, LINE_MAX, LINES_MAX, FACTS_MAX, LABEL_MAX, VALUE_MAX, LINK_MAX = 300, 1000, 20, 20, 100, 500, 2000
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # they make text read backwards


def stored(notice: Notice) -> dict[str, Any]:
    """Return the notice as JSON values. Signs that no person reads and no database keeps are dropped; long text is
    cut."""
    clean = replace(
        notice,
        title=_line(notice.title, TITLE_MAX),
        lines=tuple(_text(line, LINE_MAX) for line in notice.lines[:LINES_MAX]),
        facts=tuple((_line(label, LABEL_MAX), _line(value, VALUE_MAX)) for label, value in notice.facts[:FACTS_MAX]),
        link=_line(notice.link, LINK_MAX),
        urgency=_line(notice.urgency, LABEL_MAX),
    )
    kept = msgspec.to_builtins(clean)
    assert isinstance(kept, dict)
    return kept


def loaded(kept: dict[str, Any], *, repeat: bool) -> Notice:
    """Return the notice again; `repeat` says that an earlier try may have arrived."""
    return replace(msgspec.convert(kept, Notice), repeat=repeat)


def _clean(text: str) -> str:
    return "".join(sign for sign in text if sign in "\n\t" or not _is_odd(sign))


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _text(text: str, limit: int) -> str:
    return _cut(_clean(text), limit)


def _line(text: str, limit: int) -> str:
    return _cut(" ".join(_clean(text).split()), limit)


def _is_odd(sign: str) -> bool:
    return unicodedata.category(sign) in ("Cc", "Cs") or sign in _TURNING
