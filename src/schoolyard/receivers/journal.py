"""What a receiver saw, in order: one JSON line each, and the same in memory."""

import json
from pathlib import Path

from schoolyard import clock


class Journal:
    """An append-only list of items. Each has `n` (1, 2, 3 ...) and `at` (RFC 3339, UTC)."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._items: list[dict[str, object]] = []
        self._file = path.open("a", buffering=1, encoding="utf-8")

    def add(self, **fields: object) -> None:
        item: dict[str, object] = {"n": len(self._items) + 1, "at": clock.stamp(), **fields}
        self._items.append(item)
        self._file.write(json.dumps(item, ensure_ascii=False) + "\n")

    def items(self, *, after: int = 0) -> list[dict[str, object]]:
        """Return the items numbered above `after`."""
        return self._items[after:]

    def __len__(self) -> int:
        return len(self._items)

    def close(self) -> None:
        self._file.close()
