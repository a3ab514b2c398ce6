"""Lists a page at a time: fifty rows, and links to those before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Row = TypeVar("Row")

SIZE = 50


def number(text: str) -> int:
    """Read a page's number; what is none is the first page."""
    return int(text) if text.isascii() and text.isdecimal() and 0 < len(text) < 6 and int(text) else 1


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Some rows of a list. param: the parameter of the address that says which page it is."""

    rows: Sequence[Row]
    number: int
    has_more: bool
    param: str = "page"

    @classmethod
    def of(cls, found: Sequence[Row], asked: str, *, param: str = "page") -> Page[Row]:
        """Cut a page out of a whole list. asked: what the address says."""
        at = number(asked)
        start = (at - 1) * SIZE
        return cls(found[start : start + SIZE], at, len(found) > start + SIZE, param)

    @property
    def earlier(self) -> dict[str, int]:
        """The parameter for the page before; empty on the first."""
        return {self.param: self.number - 1} if self.number > 1 else {}

    @property
    def later(self) -> dict[str, int]:
        """The parameter for the page after; empty on the last."""
        return {self.param: self.number + 1} if self.has_more else {}
