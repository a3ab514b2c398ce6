"""Short, harmless words of what somebody else's system answered: nothing that names or admits a person stays in."""

from __future__ import annotations

import re
import unicodedata

_MASKS = (
    (re.compile(r"[\w.+%-]+@[\w-]+(\.[\w-]+)+"), "[e-mail]"),
    (re.compile(r"\beyJ[\w-]+(\.[\w-]+){1,2}"), "[token]"),
    (re.compile(r"\b(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{20,}\b"), "[token]"),
    (re.compile(r"\+?\d[\d ()-]{7,}\d"), "[number]"),
)


def scrub(text: str, *, limit: int) -> str:
    """Return one line of at most `limit` characters: addresses, numbers and tokens masked, control signs gone.

    What turns the direction of writing is a control sign too.
    """
    head = text[: limit * 8]  # enough to mask by; a text of megabytes is not searched
    plain = "".join(" " if unicodedata.category(sign)[0] in "CZ" else sign for sign in head)
    for pattern, mask in _MASKS:
        plain = pattern.sub(mask, plain)
    line = " ".join(plain.split())
    return line if len(line) <= limit and len(text) <= limit * 8 else line[: limit - 1] + "…"
