"""The reference page of the guide's format (docs/guide-reference.md), made from the classes the loader reads with."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from nigrani.lib.units import show_duration

from .examples import WORDS
from .feeds import FeedShape
from .fields import KINDS, Field, Shape, fields_of, shape
from .levels import WAYS
from .loader import VERSION, Vocabulary
from .repeat import RepeatShape
from .shapes import SECTIONS, DeadManShape, ProbeShape, TellingShape, TopShape

_INTRODUCTION = f"""# The guide's format

Made from the loader's own classes; change it there. Version {VERSION}.

A guide is a folder of `*.yaml` files, and `rows.tsv` with the rows that it answers. Files are split by subject as you
like: a section may stand in several files, a name only once. Values are text until their key reads them, so `9:00`
and `no` need no quotes. Aliases, anchors, merge keys and tags are refused. Every mistake is told at once, with its
place: `nigrani guide check`.

`${{NAME}}` reads the environment, else the file `secrets/NAME` (mode 0600) in the home. It is read in the keys that an
integration adds to a source, a probe or a receiver, and in `dead_man` and `reference`; write `$${{` for a plain `${{`.
A name that is not set makes its source or receiver "not set up", never a mistake; `${{NAME:-else}}` stands for `else`
then. A secret is always a whole `${{NAME}}` (or `${{NAME:-}}` where it may be left out).

## How values are written

| kind | for example |
|---|---|
"""
_EXAMPLES = f"""
## Levels

`above` and `below` are held against a measure and are written in its unit. The level itself is not beyond it.

| unit of the measure | a level is | for example |
|---|---|---|
{chr(10).join(f"| {unit} | {way.noun} | {way.example} |" for unit, way in WAYS.items())}

## Examples of an alert

`readings` are what the measure says over the alert's window, one after another, `each` apart, the first at the start.
`value*count` repeats a value, `-` is no reading, `?` is unknown. `expect` lists states with their moments, in order:
`firing at 10m, ok at 30m`. The states are {", ".join(WORDS[:-1])}; without a moment, the last reading's is meant.
`firing at` a moment also says that it fires no sooner. `never fires` is about the whole example. For an alert with
`levels`, a level is an expectation too: `high at 5m, critical at 8m, high at 20m`.
"""


def text(vocabulary: Vocabulary) -> str:
    """Return the page."""
    return "\n".join(_lines(vocabulary)).rstrip() + "\n"


def _lines(vocabulary: Vocabulary) -> Iterator[str]:
    yield _INTRODUCTION.rstrip()
    yield from dict.fromkeys(f"| {kind.noun} | `{kind.example}` |" for kind in KINDS.values())
    yield _EXAMPLES
    yield from _class("The top, once, in guide.yaml", TopShape, "##")
    yield from _class("`dead_man`", DeadManShape, "##")
    yield from _class("`repeat`", RepeatShape, "##")
    yield "## `reference`\n"
    yield "Addresses elsewhere on the internet. When none of them answers, it is us who are cut off.\n"
    yield from _class("`telling`", TellingShape, "##")
    for key, section in SECTIONS.items():
        yield from _class(f"`{key}`: a {section.noun}", section.shape, "##")
        if key == "sources":
            yield from _class("`probes` of a source", ProbeShape, "###")
            yield from _class("`feeds` of a source", FeedShape, "###")
            for kind, (source, probe) in sorted(vocabulary.sources.items()):
                yield from _class(f"A source of kind `{kind}` has also", source, "###")
                yield from _class(f"A probe of kind `{kind}` has also", probe, "###")
        if key == "findings":
            for kind, question in sorted(vocabulary.questions.items()):
                yield from _class(f"`ask` of a source of kind `{kind}`", question, "###")
        if key == "receivers":
            for kind, receiver in sorted(vocabulary.receivers.items()):
                yield from _class(f"A receiver with `send: {kind}` has also", receiver, "###")


def _class(title: str, cls: type, mark: str) -> Iterator[str]:
    yield f"{mark} {title}\n"
    yield f"{' '.join((inspect.getdoc(cls) or '').split())}\n"
    yield "| key | value | when left out | what it is |"
    yield "|---|---|---|---|"
    inner: list[tuple[str, type]] = []
    for each in fields_of(cls).values():
        example = f" For example `{_flow(each.example)}`." if each.example not in ("", "None") else ""
        yield f"| `{each.name}` | {_value(shape(each.wanted))} | {_default(each)} | {_cell(each.help)}{example} |"
        inner += [(f"`{each.name}`", found) for found in _classes(shape(each.wanted))]
    yield ""
    for name, found in inner:
        yield from _class(f"{name} in it", found, "####")


def _classes(want: Shape) -> Iterator[type]:
    if want.form == "class":
        yield want.inner
    elif want.form in ("list", "table"):
        yield from _classes(shape(want.inner))


def _value(want: Shape) -> str:
    match want.form:
        case "kind":
            return str(want.inner.noun)
        case "ref":
            return f"the name of a {want.inner.kind}"
        case "choice":
            return ", ".join(f"`{each}`" for each in want.inner)
        case "list":
            return f"one or a list: {_value(shape(want.inner))}"
        case "table":
            return f"a table: {_value(shape(want.inner))}"
        case "scalar":
            return "a level"
        case "own":
            return "a row"
        case "json":
            return "any JSON value"
        case _:
            return "a table, see below"


def _default(each: Field) -> str:
    if each.is_required:
        return "required"
    match each.default:
        case None | "" | () | {}:
            return "none"
        case timedelta():
            return show_duration(each.default) if each.default else "none"
        case bool() | str() | int() | float() | tuple() | dict():
            return f"`{_flow(each.default)}`"
        case _:
            return "see below"


def _flow(value: Any) -> str:
    """Write a value as YAML's flow style, which JSON is part of."""
    written = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return written.replace("|", "\\|")


def _cell(words: str) -> str:
    return words.replace("|", "\\|")
