"""Facts to test with, and a store that fails as told."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from nigrani.lib.errors import Unreachable
from nigrani.telemetry import store

AT = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


def probe(name: str, at: datetime = AT, **more: object) -> dict[str, object]:
    return {"at": at, "source": "website", "probe": name, "outcome": "ok", "up": 1, **more}


def names() -> list[str]:
    """The probes in the store, repeated rows and all."""
    return [row["probe"] for row in store.query("SELECT probe FROM probes ORDER BY probe")]


class Broken:
    """A store that stores and then loses the answer, or does not answer at all, as told for each call in turn."""

    def __init__(self, answers: Iterable[str]) -> None:
        self.answers = list(answers)
        self.tokens: list[str | None] = []

    def insert_lines(self, table: str, lines: bytes, *, token: str | None = None) -> None:
        answer = self.answers.pop(0) if self.answers else "stored"
        self.tokens.append(token)
        if answer != "away":
            store.insert_lines(table, lines, token=token)
        if answer != "stored":
            raise Unreachable(f"The store is {answer}.", uncertain=True)


def only(rows: list[dict[str, Any]]) -> dict[str, Any]:
    [row] = rows
    return row
