"""Globs in which `*` stands for any text, also none, and every other sign for itself."""

from __future__ import annotations


def fits(glob: str, text: str) -> bool:
    """Whether a text fits a glob. Takes time linear in the text, whatever the glob."""
    head, *rest = glob.split("*")
    if not rest:
        return text == glob
    *middle, tail = rest
    if not text.startswith(head) or len(text) < len(head) + len(tail) or not text.endswith(tail):
        return False
    at, end = len(head), len(text) - len(tail)
    for part in middle:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
