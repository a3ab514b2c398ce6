"""YAML text into nodes that remember their place. Scalars stay text: what they mean is decided by the field that
wants them, so `9:00`, `no` and `010` are just those letters.

Aliases, anchors, merge keys, tags and more than one document are refused: they make a file say what nobody sees.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from .model import Where

_DEEPEST = 40  # levels of nesting; the shipped guide has seven
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_EVENTS: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


@dataclass(frozen=True)
class Scalar:
    """A single value, unread. `plain` means written without quotes and not as a block."""

    text: str
    plain: bool
    where: Where

    @property
    def is_null(self) -> bool:
        """Whether nothing was written: an empty value, `~` or `null`, without quotes."""
        return self.plain and self.text in _NULLS


@dataclass(frozen=True)
class Items:
    """A list."""

    nodes: tuple[Node, ...]
    where: Where


@dataclass(frozen=True)
class Entries:
    """A table of `key: value`. A key that stood twice is here once, with its first value."""

    pairs: tuple[tuple[Scalar, Node], ...]
    where: Where


@dataclass(frozen=True)
class Broken:
    """Something that was already reported; whoever meets it keeps silent."""

    where: Where


Node = Scalar | Items | Entries | Broken


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the name most like the one written, or None when none is alike."""
    choices = sorted(names)
    folded = {choice.casefold(): choice for choice in choices}
    found = difflib.get_close_matches(name.casefold()[:100], folded, n=1, cutoff=0.5)
    return folded[found[0]] if found else None


def clip(text: str, most: int = 60) -> str:
    """Return text fit for a sentence: printable, and not longer than `most`."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text[: most + 1])
    return printable if len(printable) <= most else printable[: most - 1] + "…"


def capital(label: str) -> str:
    """Return a label at the head of a sentence."""
    return label[:1].upper() + label[1:]


@dataclass
class Problems:
    """The mistakes found so far, each with its place.

    is_partial: some text could not be read at all, so that a name that seems to be missing may stand there.
    """

    found: list[tuple[Where, str]] = field(default_factory=list)
    is_partial: bool = False

    def add(self, where: Where, sentence: str, *, wrote: str = "", names: Iterable[str] = ()) -> None:
        """Note a mistake. `sentence` has no period; of `names`, the one most like `wrote` is added."""
        close = nearest(wrote, names) if wrote else None
        hint = f" (nearest: {close})" if close else ""
        self.found.append((where, f"{sentence}{hint}."))

    def lines(self) -> list[str]:
        """Return one line a mistake, by file and line, each once."""
        ordered = sorted(set(self.found), key=lambda each: (each[0].file, each[0].line, each[0].column, each[1]))
        return [f"{where}: {sentence}" for where, sentence in ordered]


def read(text: str, file: str, problems: Problems) -> Node | None:
    """Return the file's single document, or None when there is none or it can't be read at all."""
    composer = _Composer(file, problems)
    try:
        for event in yaml.parse(text, Loader=_EVENTS):
            if not composer.take(event):
                problems.is_partial = True
                break
    except yaml.MarkedYAMLError as error:
        problems.add(*_syntax(error, text, file))
        problems.is_partial = True
        return None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = Where(file, before.count("\n") + 1, error.position - (before.rfind("\n") + 1) + 1)
        problems.add(place, "This character is not allowed in a guide (a control character)")
        problems.is_partial = True
        return None
    return composer.root


def _syntax(error: yaml.MarkedYAMLError, text: str, file: str) -> tuple[Where, str]:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    lines = text.split("\n")
    if line >= len(lines):  # the end of the text came too soon
        line, column = len(lines) - 1, len(lines[-1])
    for number in range(min(line, len(lines) - 1), max(line - 2, -1), -1):
        indent = lines[number][: len(lines[number]) - len(lines[number].lstrip())]
        if "\t" in indent:
            return Where(file, number + 1, indent.index("\t") + 1), "A tab indents this line; indent with spaces"
    what = (error.problem or "it can't be read").strip().rstrip(".")
    return Where(file, line + 1, column + 1), f"This is no YAML: {what}"


@dataclass
class _Open:
    """A list or table that is being read."""

    where: Where
    is_table: bool
    nodes: list[Node] = field(default_factory=list)


class _Composer:
    """Builds nodes from parser events without recursion, so that no depth of brackets can hurt."""

    def __init__(self, file: str, problems: Problems) -> None:
        self.root: Node | None = None
        self._file = file
        self._problems = problems
        self._open: list[_Open] = []
        self._documents = 0

    def take(self, event: Any) -> bool:
        """Take the next event; False when reading on would be pointless."""
        where = Where(self._file, event.start_mark.line + 1, event.start_mark.column + 1)
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    self._problems.add(where, "A second document starts here; a guide file holds one")
                    return False
            case yaml.AliasEvent():
                self._problems.add(where, f"Aliases are not read (*{event.anchor}): write the value out")
                self._place(Broken(where))
            case yaml.ScalarEvent():
                refused = self._refuses(event, where)
                self._place(Broken(where) if refused else Scalar(event.value, not event.style, where))
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                self._refuses(event, where)
                if len(self._open) >= _DEEPEST:
                    self._problems.add(where, f"This is nested more than {_DEEPEST} levels deep")
                    return False
                self._open.append(_Open(where, isinstance(event, yaml.MappingStartEvent)))
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                closed = self._open.pop()
                self._place(
                    Entries(tuple(self._pairs(closed)), closed.where)
                    if closed.is_table
                    else Items(tuple(closed.nodes), closed.where)
                )
        return True

    def _refuses(self, event: Any, where: Where) -> bool:
        if event.anchor is not None:
            self._problems.add(where, f"Anchors are not read (&{event.anchor}): write the value out at each place")
        if event.tag not in (None, "!"):
            self._problems.add(where, "Tags are not read (!…): write plain or quoted text")
            return True
        return False

    def _place(self, node: Node) -> None:
        if self._open:
            self._open[-1].nodes.append(node)
        else:
            self.root = node

    def _pairs(self, table: _Open) -> Iterator[tuple[Scalar, Node]]:
        seen: dict[str, Where] = {}
        for key, value in zip(table.nodes[::2], table.nodes[1::2], strict=True):
            if isinstance(key, Broken):
                continue
            if not isinstance(key, Scalar):
                self._problems.add(key.where, "A key is a single word, not a list or a table")
            elif key.plain and key.text == "<<":
                self._problems.add(key.where, "Merge keys are not read (<<): write the keys out")
            elif key.text in seen:
                first = seen[key.text]
                self._problems.add(
                    key.where, f"The key '{clip(key.text)}' stands here twice; first in line {first.line}"
                )
            else:
                seen[key.text] = key.where
                yield key, value
