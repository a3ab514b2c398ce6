"""What differs between two texts of the guide: entry by entry in a sentence, and line by line. Pure.

Compared is what is written, not what it means: so a `${NAME}` stays a name, a text that can't be judged can still be
compared, and every key of the guide is covered, also those of integrations.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from nigrani.guide import reader
from nigrani.guide.folder import ROWS
from nigrani.guide.reader import Broken, Entries, Items, Node, Problems, Scalar, clip
from nigrani.guide.shapes import SECTIONS

Texts = Mapping[str, str]
Did = Literal["added", "removed", "changed"]
_LONGEST = 80
_MOST_PARTS = 12


@dataclass(frozen=True)
class Change:
    """One entry of the guide that came, went or changed. says: "alert slow: when.above 2s → 3s"."""

    kind: str
    name: str
    did: Did
    says: str


def changes(before: Texts, after: Texts) -> list[Change]:
    """Return what differs, in the order of the later text; what was removed comes last."""
    old, new = dict(_entries(before)), dict(_entries(after))
    found = []
    for (kind, name), leaves in new.items():
        if (kind, name) not in old:
            found.append(Change(kind, name, "added", f"{_label(kind, name)}: new"))
        elif differing := _differing(old[kind, name], leaves):
            found.append(Change(kind, name, "changed", f"{_label(kind, name)}: {differing}"))
    found += [
        Change(kind, name, "removed", f"{_label(kind, name)}: removed") for kind, name in old if (kind, name) not in new
    ]
    return found


def lines(before: Texts, after: Texts) -> Iterator[str]:
    """Yield a unified diff of the files, without line ends."""
    for name in sorted(set(before) | set(after)):
        old, new = before.get(name), after.get(name)
        if old != new:
            yield from difflib.unified_diff(
                (old or "").splitlines(),
                (new or "").splitlines(),
                name if old is not None else "(none)",
                name if new is not None else "(none)",
                lineterm="",
            )


def _label(kind: str, name: str) -> str:
    return f"{kind} {name}".strip()


def _entries(texts: Texts) -> Iterator[tuple[tuple[str, str], Mapping[str, str]]]:
    """Yield every entry with its leaves: the path of each value, and the value as written."""
    for file, text in sorted(texts.items()):
        if file == ROWS:
            yield from _rows(text)
            continue
        root = reader.read(text, file, Problems())
        if not isinstance(root, Entries):
            yield ("file", file), {"": " ".join(text.split())}
            continue
        for key, node in root.pairs:
            section = SECTIONS.get(key.text)
            if isinstance(node, Entries) and (section or key.text not in _TOP):
                for name, entry in node.pairs:
                    yield (section.noun if section else clip(key.text), clip(name.text)), dict(_leaves(entry))
            else:
                yield ("the guide's", clip(key.text)), dict(_leaves(node))


_TOP = ("dead_man",)


def _rows(text: str) -> Iterator[tuple[tuple[str, str], Mapping[str, str]]]:
    for line in text.split("\n")[1:]:
        name, _, rest = line.partition("\t")
        if name.strip():
            yield ("row", clip(name.strip())), {"text": " ".join(rest.split())}


def _leaves(node: Node, path: str = "") -> Iterator[tuple[str, str]]:
    match node:
        case Scalar():
            yield path, node.text
        case Items() if all(isinstance(each, Scalar) for each in node.nodes):
            yield path, ", ".join(each.text for each in node.nodes if isinstance(each, Scalar))
        case Items():
            for number, each in enumerate(node.nodes, start=1):
                yield from _leaves(each, f"{path} {number}".strip())
        case Entries():
            for key, each in node.pairs:
                yield from _leaves(each, f"{path}.{clip(key.text)}" if path else clip(key.text))
        case Broken():
            yield path, "(can't be read)"


def _differing(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    parts = []
    for path, value in new.items():
        if path not in old:
            parts.append(_said(path, _shown(value), "now"))
        elif old[path] != value:
            parts.append(_said(path, _turned(old[path], value)))
    parts += [f"{path} removed" for path in old if path not in new]
    if len(parts) > _MOST_PARTS:
        parts = [*parts[:_MOST_PARTS], f"and {len(parts) - _MOST_PARTS} more"]
    return "; ".join(parts)


def _said(path: str, what: str, word: str = "") -> str:
    return " ".join(part for part in (path, word, what) if part)


def _turned(old: str, new: str) -> str:
    if "\n" in old or "\n" in new or len(old) > _LONGEST or len(new) > _LONGEST:
        return "rewritten"
    return f"{_shown(old)} → {_shown(new)}"


def _shown(value: str) -> str:
    return "(a text)" if "\n" in value else clip(value, _LONGEST) or '""'
