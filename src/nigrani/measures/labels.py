"""Label sets: the text by which a series is known, the same in telemetry, in PostgreSQL and on a page."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

_LONGEST = 200


def clean(value: object) -> str:
    """Return a label's value as text that every store takes: no control characters, at most 200 characters.

    A value that had to be changed gets a short digest of the original, so that two never become one.
    """
    text = str(value)
    plain = "".join(character if character.isprintable() else "�" for character in text)
    if plain == text and len(text) <= _LONGEST:
        return text
    mark = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{plain[: _LONGEST - 9]}~{mark}"


def key(labels: Mapping[str, str]) -> str:
    """Return the one text of a label set, "" for none: `probe=login,region=south`; a comma in a value is `\\,`."""
    return ",".join(
        f"{name}={value.replace(chr(92), chr(92) * 2).replace(',', chr(92) + ',')}"
        for name, value in sorted(labels.items())
    )


def matches(labels: Mapping[str, str], only: Mapping[str, Sequence[str]]) -> bool:
    """Whether every label that `only` names has one of the values it lists."""
    return all(labels.get(name) in values for name, values in only.items())
