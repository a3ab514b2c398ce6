"""What was saved before an upgrade: `<home>/upgrades/<instant>/`, a dump and what it holds, all 0600."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from nigrani.lib.errors import NigraniError
from nigrani.lib.home import Home

KEPT = 3
Phase = Literal["saved", "migrating", "checking", "done", "rolling_back", "rolled_back"]
_SAY = {
    "saved": "had saved the state and changed nothing",
    "migrating": "was changing the stores",
    "checking": "had changed the stores and was checking them",
    "rolling_back": "was going back to the saved state",
}


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """One saving. version: of the program that saved. state, telemetry: the migrations that had been applied.

    counts: rows of each table. digest: SHA-256 of the dump.
    """

    name: str
    made_at: datetime
    version: str
    phase: Phase
    state: list[str]
    telemetry: list[str]
    counts: dict[str, int]
    digest: str
    size_bytes: int

    @property
    def said(self) -> str:
        """How far its upgrade came, as the end of a sentence."""
        return _SAY.get(self.phase, "had ended")


def folder(home: Home, name: str) -> Path:
    """Return where a saving lies."""
    return home.upgrades / name


def dump(home: Home, name: str) -> Path:
    """Return the dump of a saving."""
    return folder(home, name) / "state.dump"


def begin(home: Home, made_at: datetime) -> str:
    """Make the folder of a new saving and return its name. What a killed saving left unfinished is removed."""
    home.upgrades.mkdir(mode=0o700, exist_ok=True)
    for path in home.upgrades.iterdir():
        if path.is_dir() and not (path / "saved.json").exists():
            shutil.rmtree(path, ignore_errors=True)
    name = f"{made_at:%Y%m%dT%H%M%S}.{made_at.microsecond // 1000:03d}Z"
    folder(home, name).mkdir(mode=0o700)
    return name


def write(home: Home, kept: Saved) -> Saved:
    """Write down a saving in one step: all of it or nothing is on disk."""
    path = folder(home, kept.name) / "saved.json"
    draft = path.with_name(".saved.json")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(msgspec.json.format(msgspec.json.encode(kept)))
        out.flush()
        os.fsync(out.fileno())
    draft.replace(path)
    place = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)
    return kept


def turn(home: Home, kept: Saved, phase: Phase) -> Saved:
    """Write down how far the upgrade came."""
    return write(home, msgspec.structs.replace(kept, phase=phase))


def every(home: Home) -> Iterator[Saved]:
    """Yield what is saved, newest first. What can't be read is left out."""
    for path in sorted(home.upgrades.glob("*/saved.json"), reverse=True):
        try:
            yield msgspec.json.decode(path.read_bytes(), type=Saved)
        except (OSError, msgspec.MsgspecError):
            continue


def unfinished(home: Home) -> Saved | None:
    """Return the saving whose upgrade neither ended nor went back: it was killed."""
    newest = next(every(home), None)
    return newest if newest is not None and newest.phase not in ("done", "rolled_back") else None


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check(home: Home, kept: Saved) -> Path:
    """Return the dump of a saving. Raises NigraniError when it is not what was written."""
    path = dump(home, kept.name)
    try:
        is_whole = digest(path) == kept.digest
    except OSError:
        is_whole = False
    if not is_whole:
        raise NigraniError(f"The saved state {path} is missing or was changed.", "Restore a backup of it first.")
    return path


def prune(home: Home) -> list[str]:
    """Remove all but the newest; returns the names removed."""
    old = [kept.name for kept in every(home)][KEPT:]
    for name in old:
        shutil.rmtree(folder(home, name), ignore_errors=True)
    return old
