"""The guide's folder, looked at again and again: a text counts when two looks in a row found the same."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from nigrani import guide as guides
from nigrani.guide.folder import ROWS
from nigrani.guide.model import Where
from nigrani.guide.reader import Problems

Mark = tuple[tuple[str, int, int, int, int], ...]


class Watch:
    """Remembers what the last look found. One thread only."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._mark: Mark = ()
        self._text: guides.Text | None = None
        self._is_settled = False

    def look(self, folder: Path) -> guides.Text | None:
        """Return the folder's text if it is the same as at the look before, so that nobody is writing it now.

        Editors' temporary and backup files are no part of a guide and disturb nothing.
        """
        mark = _mark(folder)
        if folder == self._folder and mark == self._mark and self._is_settled:
            return self._text
        fresh = guides.text(folder)
        self._is_settled = (
            folder == self._folder
            and mark == self._mark
            and self._text is not None
            and self._text.digest == fresh.digest
        )
        self._folder, self._mark, self._text = folder, mark, fresh
        return fresh if self._is_settled else None


def gone(folder: Path) -> guides.Text:
    """Return the text of a folder that is not there any more: nothing but a mistake."""
    problems = Problems()
    problems.add(
        Where(str(folder), 1, 1), "The guide's folder is gone. What ran goes on; put the folder back, or another guide"
    )
    return guides.Text(str(folder), {}, f"gone:{folder}", problems)


def author(folder: Path) -> str:
    """Return whose file was saved last: "asha (file)"."""
    newest, owner = 0, os.geteuid()
    try:
        for path in folder.iterdir():
            if _counts(path.name) and (found := path.stat()).st_mtime_ns >= newest:
                newest, owner = found.st_mtime_ns, found.st_uid
    except OSError:
        pass  # who it was is not worth a failure
    try:
        name = pwd.getpwuid(owner).pw_name
    except KeyError:
        name = f"uid {owner}"
    return f"{name} (file)"


def _counts(name: str) -> bool:
    return not name.startswith(".") and (name.endswith((".yaml", ".yml")) or name == ROWS)


def _mark(folder: Path) -> Mark:
    found = []
    try:
        for path in sorted(folder.iterdir()):
            if _counts(path.name):
                try:
                    seen = path.stat()
                except OSError as error:
                    found.append((path.name, -1, error.errno or 0, 0, 0))
                else:
                    found.append((path.name, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size, seen.st_ino))
    except OSError as error:
        found.append(("", -1, error.errno or 0, 0, 0))
    return tuple(found)
