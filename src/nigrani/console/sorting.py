"""Tables in the order a person asks for: `?sort=since`, `?sort=-since`; a click on a column's head turns it round."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

Row = TypeVar("Row")

Direction = Literal["ascending", "descending"]


@dataclass(frozen=True)
class Order:
    """By which column a table is sorted. key: "" leaves the table in the order of its own, which its caption names."""

    key: str = ""
    direction: Direction = "ascending"

    @classmethod
    def asked(cls, text: str, keys: Iterable[str]) -> Order:
        """Read a `sort` parameter; a column that is not among `keys` is the table's own order."""
        key = text.removeprefix("-")
        if key not in keys:
            return cls()
        return cls(key, "descending" if text.startswith("-") else "ascending")

    def after_click(self, key: str) -> str:
        """Return the `sort` parameter that a click on a column's head asks for: ascending first, then turned round."""
        return f"-{key}" if self == Order(key) else key


def arrange(rows: Iterable[Row], order: Order, keys: Mapping[str, Callable[[Row], Any]]) -> list[Row]:
    """Return rows in an order. Equal ones keep the order they came in; what has no value stands last either way.

    keys: for each column, what to compare; text is compared without regard to case.
    """
    rows = list(rows)
    if not order.key:
        return rows
    valued = [(row, keys[order.key](row)) for row in rows]
    known = [(row, value.casefold() if isinstance(value, str) else value) for row, value in valued if value is not None]
    known.sort(key=lambda pair: pair[1], reverse=order.direction == "descending")
    return [row for row, _ in known] + [row for row, value in valued if value is None]
