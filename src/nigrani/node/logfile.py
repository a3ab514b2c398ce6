"""The log files of our processes: bounded in size, readable by us alone.

A child writes straight into its file, opened for appending, so that nothing it says waits for, or dies with, the
supervisor. When the file has grown, it is copied aside and cut to nothing; the child's next line starts it anew.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

MAX_BYTES = 10_000_000
KEEP = 3  # files in all: the one being written and two before it


def open_for_append(path: Path) -> int:
    """Return a file descriptor that appends to the log, made 0600."""
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


def turn(path: Path, *, max_bytes: int = MAX_BYTES, keep: int = KEEP) -> bool:
    """Move a log that grew over `max_bytes` to `.1`, an older one to `.2`; returns whether it did.

    A disk without room for the copy costs the old text, never the new.
    """
    try:
        if path.stat().st_size <= max_bytes:
            return False
    except FileNotFoundError:
        return False
    aside = [path.with_name(f"{path.name}.{number}") for number in range(1, keep)]
    for older, newer in zip(reversed(aside[1:]), reversed(aside[:-1]), strict=True):
        if newer.exists():
            newer.replace(older)
    draft = path.with_name(f".{path.name}.turning")
    with path.open("r+b") as full:
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as copy:
                shutil.copyfileobj(full, copy, 1 << 20)
        except OSError:
            draft.unlink(missing_ok=True)
        else:
            draft.replace(aside[0])
        full.truncate(0)
    return True


def size(path: Path) -> int:
    """Return how long the log is now; 0 when there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def said_since(path: Path, start: int, *, limit: int = 2000) -> str:
    """Return the end of what was written from `start` on (from the top if the log was turned since)."""
    try:
        with path.open("rb") as log:
            end = log.seek(0, os.SEEK_END)
            begin = start if start <= end else 0
            log.seek(max(begin, end - limit))
            text = log.read().decode(errors="replace")
    except OSError:
        return ""
    if end - begin > limit:
        text = text.partition("\n")[2]
    return text.strip()


def words(said: str) -> str:
    """Return what in it was meant for a person: the lines that are no JSON, else what the last JSON line says."""
    lines = said.splitlines()
    if plain := [line for line in lines if not line.startswith("{")]:
        return "\n".join(plain)
    try:
        return str(json.loads(lines[-1])["message"])
    except (ValueError, KeyError, TypeError, IndexError):
        return said
