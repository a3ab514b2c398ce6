"""What the role of a watched database is to be granted, read from the guide's text alone: no secret is set by then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from . import folder as files
from . import reader
from .reader import Entries, Items, Node, Problems, Scalar


def reads(folder: Path) -> Mapping[str, tuple[str, ...]]:
    """Return the columns that the guide's sources read, by table, as their `reads` say; nothing for a broken guide."""
    problems = Problems()
    found: dict[str, tuple[str, ...]] = {}
    for file, text in files.read(folder, problems).items():
        if file == files.ROWS:
            continue
        for source in _under(reader.read(text, file, problems), "sources"):
            for table, columns in _pairs(_child(source, "reads")):
                found[table] = tuple(dict.fromkeys((*found.get(table, ()), *_texts(columns))))
    return {} if problems.found else found


def _pairs(node: Node | None) -> Iterator[tuple[str, Node]]:
    if isinstance(node, Entries):
        yield from ((key.text, each) for key, each in node.pairs)


def _child(node: Node | None, name: str) -> Node | None:
    return next((each for key, each in _pairs(node) if key == name), None)


def _under(root: Node | None, section: str) -> list[Node]:
    return [each for _, each in _pairs(_child(root, section))]


def _texts(node: Node) -> Iterator[str]:
    for each in node.nodes if isinstance(node, Items) else (node,):
        if isinstance(each, Scalar):
            yield each.text
