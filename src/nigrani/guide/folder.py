"""The files of a guide: every `*.yaml` in its folder, and rows.tsv."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path

from .model import Row, Where
from .reader import Problems

LARGEST = 1024 * 1024  # bytes in one file
_MOST_FILES = 500
ROWS = "rows.tsv"
_HEADER = ["id", "section", "row"]


def read(folder: Path, problems: Problems) -> Mapping[str, str]:
    """Return the text of every file of the guide, by name. Hidden files and other kinds of file are passed over."""
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        problems.add(Where(str(folder), 1, 1), f"The guide's folder can't be read: {error.strerror}")
        return {}
    texts: dict[str, str] = {}
    for path in paths:
        if path.suffix == ".yml":
            problems.add(_top(path), "The guide's files end in .yaml: rename this one")
        elif path.suffix == ".yaml" or path.name == ROWS:
            text = _text(path, folder.resolve(), problems)
            if text is None:
                problems.is_partial = True
            else:
                texts[path.name] = text
    if len(texts) > _MOST_FILES:
        problems.add(Where(str(folder), 1, 1), f"The guide has more than {_MOST_FILES} files")
        return {}
    if not any(name.endswith(".yaml") for name in texts) and not problems.found:
        problems.add(Where(str(folder), 1, 1), "The guide's folder holds no .yaml file")
    return texts


def _top(path: Path) -> Where:
    return Where("".join(letter if letter.isprintable() else "�" for letter in path.name), 1, 1)


def _text(path: Path, folder: Path, problems: Problems) -> str | None:
    try:
        if not path.resolve().is_relative_to(folder):
            problems.add(_top(path), "This is a link that leads out of the guide's folder: copy the file here")
            return None
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            problems.add(_top(path), "This is not a regular file")
            return None
        if found.st_size > LARGEST:
            problems.add(_top(path), "The file is larger than 1 MiB: split it by subject")
            return None
        raw = path.read_bytes()[: LARGEST + 1]
    except OSError as error:
        problems.add(_top(path), f"The file can't be read: {error.strerror}")
        return None
    except RuntimeError:  # pathlib's word for it
        problems.add(_top(path), "This is a link that leads to itself: copy the file here")
        return None
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        place = Where(_top(path).file, before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1)
        problems.add(place, "The file is not UTF-8: save it as UTF-8")
        return None


def rows(text: str, problems: Problems) -> Mapping[str, Row]:
    """Read rows.tsv: the rows of the guide that items cover, one a line: id, section, text."""
    found: dict[str, Row] = {}
    lines = text.split("\n")
    if lines[0].split("\t") != _HEADER:
        problems.add(Where(ROWS, 1, 1), "The first line is: id, section, row, with tabs between")
        return found
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        if "\0" in line:
            problems.add(Where(ROWS, number, line.index("\0") + 1), "This character is not allowed (a NUL)")
            continue
        parts = [part.strip() for part in line.split("\t")]
        if len(parts) != len(_HEADER) or not all(parts):
            problems.add(Where(ROWS, number, 1), "A row is an id, a section and a text, with tabs between")
        elif parts[0] in found:
            problems.add(Where(ROWS, number, 1), f"The row '{parts[0]}' stands here twice")
        else:
            found[parts[0]] = Row(*parts)
    return found
