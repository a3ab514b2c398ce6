"""Bring the store's tables up to date: numbered SQL files, forward only, each recorded in the store."""

from __future__ import annotations

import hashlib
import logging
import re
from pathlib import Path

import msgspec
from django.db import connection, transaction

from nigrani.lib import clock
from nigrani.lib.errors import Conflict

from . import store as stores
from .store import Store

log = logging.getLogger(__name__)

FOLDER = Path(__file__).with_name("migrations")
_LOCK = 0x6E6967_7274  # PostgreSQL advisory lock: our letters, so that no other program takes it by chance


def run() -> list[str]:
    """Apply to the current store what is missing, one process at a time. Returns the names applied.

    Raises Conflict if a file was changed after it was applied: add a new file instead.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        store = stores.current()
        store.create_database()
        return apply(store)


def standing() -> tuple[list[str], list[str]]:
    """Return the names of the migrations the current store has seen, and those it still lacks. Makes its database."""
    store = stores.current()
    store.create_database()
    kept = store.query(
        "SELECT count() AS n FROM system.tables WHERE database = currentDatabase() AND name = 'migrations'"
    )
    seen = store.query("SELECT name FROM migrations FINAL ORDER BY name") if kept[0]["n"] else []
    names = [str(row["name"]) for row in seen]
    return names, [path.stem for path in sorted(FOLDER.glob("[0-9]*.sql")) if path.stem not in names]


def apply(store: Store) -> list[str]:
    """Apply what is missing, without a lock. Statements can be run again, since ClickHouse can't roll them back."""
    store.command(
        "CREATE TABLE IF NOT EXISTS migrations (name String, digest String, at DateTime64(3, 'UTC'))"
        " ENGINE = ReplacingMergeTree ORDER BY name"
    )
    done = {row["name"]: row["digest"] for row in store.query("SELECT name, digest FROM migrations FINAL")}
    applied = []
    for path in sorted(FOLDER.glob("[0-9]*.sql")):
        text = path.read_text(encoding="utf-8")
        digest = hashlib.sha256(text.encode()).hexdigest()
        if path.stem in done:
            if done[path.stem] != digest:
                raise Conflict(f"The migration {path.name} was changed after it was applied.", "Add a new file.")
            continue
        for statement in statements(text):
            store.command(statement)
        record = {"name": path.stem, "digest": digest, "at": clock.now()}
        store.insert_lines("migrations", msgspec.json.encode(record) + b"\n")
        applied.append(path.stem)
        log.info("Applied %s.", path.name, extra={"action": "telemetry.migrated", "migration": path.stem})
    return applied


def statements(text: str) -> list[str]:
    """Return the statements of a migration: each ends with a semicolon at the end of a line."""
    return [part.strip() for part in re.split(r";[ \t]*$", text, flags=re.MULTILINE) if part.strip()]
