"""From a folder to a Guide: read every file, note every mistake, and only then make the objects.

Two passes. The first reads entries into shapes and judges them, so that one mistake does not hide the next. The
second (make.py) runs only when there was none, and therefore asks no more questions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo, available_timezones

from nigrani.lib.errors import GuideError
from nigrani.lib.secret import Vault

from . import folder as files
from . import judge, make, reader, reads
from .draft import Draft
from .feeds import Inspect
from .fields import Url, fields_of
from .model import Guide, Where
from .outside import read_receiver, read_source
from .parser import NOTHING, Parser
from .questions import judge_findings, read_question
from .reader import Broken, Entries, Node, Problems, Scalar, clip
from .references import dangling
from .repeat import RepeatShape
from .shapes import SECTIONS, DeadManShape, TellingShape, TopShape, judge_name

VERSION = 1  # of the format; readers accept it and the one before it
_SETTINGS = (*fields_of(TopShape), "dead_man", "reference", "repeat", "telling")
_MAIN = "guide.yaml"


class Inspected(Protocol):
    """What a measure's SQL reads and returns."""

    @property
    def tables(self) -> Collection[str]:
        """The telemetry tables it reads."""
        ...

    @property
    def columns(self) -> Collection[str]:
        """The names of the columns it returns."""
        ...


@dataclass(frozen=True)
class Vocabulary:
    """What a guide may speak of, handed in from above since integrations and telemetry lie higher.

    sources: kind -> its SourceConfig and ProbeConfig. receivers: kind -> its ReceiverConfig.
    inspect_sql: raises NigraniError for SQL that must not or can't run.
    feeds: kind -> how a feed's SQL is inspected. facts: table -> the columns that a feed may fill.
    questions: kind -> what a survey may ask of it. readers: kind -> how a measure may read it by its own SQL.
    """

    sources: Mapping[str, tuple[type[Any], type[Any]]]
    receivers: Mapping[str, type[Any]]
    inspect_sql: Callable[[str], Inspected]
    questions: Mapping[str, type[Any]] = field(default_factory=dict)
    feeds: Mapping[str, Inspect] = field(default_factory=dict)
    facts: Mapping[str, Collection[str]] = field(default_factory=dict)
    readers: Mapping[str, reads.Reader] = field(default_factory=dict)


@dataclass(frozen=True)
class Text:
    """A guide as it is written: the text of every file by name, `${NAME}`s unexpanded, and what could not be read.

    digest: the same for the same files; a text that could not be read whole never has the digest of one that could.
    """

    folder: str
    files: Mapping[str, str]
    digest: str
    problems: Problems

    @classmethod
    def of(cls, texts: Mapping[str, str], *, folder: str) -> Text:
        """Return the text of files that were kept elsewhere."""
        return cls(folder, texts, _digest(texts), Problems())


def text(folder: Path) -> Text:
    """Read the files in `folder`, unjudged. Raises nothing: what can't be read is a problem of the text."""
    problems = Problems()
    texts = files.read(folder, problems)
    lines = problems.lines()
    return Text(str(folder), texts, _digest({**texts, "/": "\n".join(lines)} if lines else texts), problems)


def load(folder: Path, *, vocabulary: Vocabulary, vault: Vault) -> Guide:
    """Read the guide in `folder`. Raises GuideError with every mistake, each as `file:line:column: sentence.`"""
    return load_text(text(folder), vocabulary=vocabulary, vault=vault)


def load_text(written: Text, *, vocabulary: Vocabulary, vault: Vault, version: int = 0) -> Guide:
    """Make the guide of a text; `version` is the number under which it is kept, 0 if it is not. Raises as load does."""
    texts = written.files
    problems = Problems(list(written.problems.found), written.problems.is_partial)
    rows = files.rows(texts[files.ROWS], problems) if files.ROWS in texts else {}
    settings, nodes = _sections(texts, problems)
    draft = Draft(rows=rows, nodes=nodes)
    parser = Parser(problems)
    if texts:
        _read_settings(draft, settings, parser, vault)
    _read_shapes(draft, parser, vocabulary, vault)
    if not problems.is_partial:
        dangling(parser.references, {**_names(nodes), "row": rows}, problems)
    judge.judge(draft.shapes, draft.tables, vocabulary.inspect_sql, problems)
    reads.judge(draft, vocabulary.readers, problems)
    judge_findings(draft, problems)
    if problems.found:
        raise GuideError(problems.lines())
    made = make.guide(draft, folder=written.folder, digest=written.digest, text=texts)
    return replace(made, version=version) if version else made


def _digest(texts: Mapping[str, str]) -> str:
    whole = hashlib.sha256()
    for name, text in sorted(texts.items()):
        for part in (name, text):
            raw = part.encode("utf-8", "surrogateescape")
            whole.update(len(raw).to_bytes(8, "big") + raw)
    return whole.hexdigest()


def _names(nodes: Mapping[str, Mapping[str, Node]]) -> Mapping[str, Mapping[str, Node]]:
    return {section.noun: nodes[key] for key, section in SECTIONS.items()}


def _sections(
    texts: Mapping[str, str], problems: Problems
) -> tuple[dict[str, tuple[Scalar, Node]], dict[str, dict[str, Node]]]:
    settings: dict[str, tuple[Scalar, Node]] = {}
    nodes: dict[str, dict[str, Node]] = {key: {} for key in SECTIONS}
    taken: dict[tuple[str, str], tuple[str, Where]] = {}
    for key, node in _top_level(texts, problems):
        if key.text in _SETTINGS:
            if key.text in settings:
                first = settings[key.text][0].where
                problems.add(key.where, f"'{key.text}' stands in {first.file} already, in line {first.line}")
            settings.setdefault(key.text, (key, node))
        elif key.text not in SECTIONS:
            names = [*_SETTINGS, *SECTIONS]
            problems.add(key.where, f"A guide has no section '{clip(key.text)}'", wrote=key.text, names=names)
        else:
            for name, entry in _entries(key, node, problems):
                # A KPI and a check may not share a name either: both are promises, and known by it.
                kind = "promise" if key.text in ("kpis", "checks") else key.text
                first_noun, first = taken.setdefault((kind, name.text), (SECTIONS[key.text].noun, name.where))
                if first != name.where:
                    problems.add(
                        name.where,
                        f"The name '{clip(name.text)}' is taken by the {first_noun} in {first.file}, line {first.line}",
                    )
                nodes[key.text].setdefault(name.text, entry)
    return settings, nodes


def _top_level(texts: Mapping[str, str], problems: Problems) -> Iterator[tuple[Scalar, Node]]:
    for file, text in texts.items():
        if file == files.ROWS:
            continue
        before = len(problems.found)
        root = reader.read(text, file, problems)
        if isinstance(root, Entries):
            yield from root.pairs
        elif root is None and len(problems.found) == before:
            problems.add(Where(file, 1, 1), "The file is empty: remove it, or write a section such as alerts")
        elif root is not None and not isinstance(root, Broken):
            problems.add(root.where, "A guide's file is a table of sections, such as alerts: …")


def _entries(key: Scalar, node: Node, problems: Problems) -> Iterator[tuple[Scalar, Node]]:
    noun = SECTIONS[key.text].noun
    if isinstance(node, Scalar) and node.is_null:
        problems.add(node.where, f"The section '{key.text}' is empty: remove it, or write its first {noun}")
        return
    if not isinstance(node, Entries):
        if not isinstance(node, Broken):
            problems.add(node.where, f"The section '{key.text}' is a table of names, one for each {noun}")
        return
    for name, entry in node.pairs:
        judge_name(name, problems)
        yield name, entry


def _read_settings(draft: Draft, settings: Mapping[str, tuple[Scalar, Node]], parser: Parser, vault: Vault) -> None:
    pairs = tuple(pair for key, pair in settings.items() if key in fields_of(TopShape))
    draft.top = top = parser.object(Entries(pairs, Where(_MAIN, 1, 1)), TopShape, "the guide")
    if top.guide is not NOTHING and not max(1, VERSION - 1) <= top.guide <= VERSION:
        parser.problems.add(
            top.at["guide"], f"This Nigrani reads guides of version {VERSION}, and this one says {top.guide}"
        )
    if top.zone is not NOTHING:
        _judge_zone(top.zone, top.at["zone"], parser.problems)
    _read_dead_man(draft, settings, parser.expanding(vault))
    _read_reference(draft, settings, parser.expanding(vault))
    if "telling" in settings:
        telling = parser.value(settings["telling"][1], TellingShape, "telling")
        draft.telling = None if telling is NOTHING else telling
    if "repeat" in settings:
        shape = parser.value(settings["repeat"][1], RepeatShape, "repeat")
        draft.repeat = None if shape is NOTHING else shape


def _read_dead_man(draft: Draft, settings: Mapping[str, tuple[Scalar, Node]], opened: Parser) -> None:
    if "dead_man" in settings:
        shape = opened.value(settings["dead_man"][1], DeadManShape, "dead_man")
        draft.dead_man = None if shape is NOTHING else shape
        draft.missing["dead_man"] = tuple(dict.fromkeys(opened.missing))


def _read_reference(draft: Draft, settings: Mapping[str, tuple[Scalar, Node]], opened: Parser) -> None:
    if "reference" in settings:
        node = settings["reference"][1]
        each = node.nodes if isinstance(node, reader.Items) else (node,)
        urls = [opened.value(one, Url, "'reference' of the guide") for one in each]
        draft.reference = tuple(url for url in urls if url is not NOTHING)
        draft.missing["reference"] = tuple(dict.fromkeys(opened.missing))


def _judge_zone(name: str, where: Where, problems: Problems) -> None:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        problems.add(where, f"There is no time zone '{clip(name)}'", wrote=name, names=available_timezones())


def _read_shapes(draft: Draft, parser: Parser, vocabulary: Vocabulary, vault: Vault) -> None:
    for key, section in SECTIONS.items():
        shapes = draft.shapes[key] = {}
        for name, node in draft.nodes[key].items():
            label = f"the {section.noun} '{clip(name)}'"
            if key in ("sources", "receivers"):
                table = parser.table(node, label)
                if table is None:
                    continue
                if key == "sources":
                    outside = read_source(
                        table, vocabulary.sources, parser, vault,
                        label=label, feeds=vocabulary.feeds, facts=vocabulary.facts,
                    )  # fmt: skip
                else:
                    outside = read_receiver(table, vocabulary.receivers, parser, vault, label=label)
                draft.outsides[key, name] = outside
                shapes[name] = outside.shape
            else:
                shape = parser.value(node, section.shape, label)
                if shape is not NOTHING:
                    shapes[name] = shape
                if key == "findings" and shape is not NOTHING:
                    draft.outsides[key, name] = read_question(shape, draft, vocabulary.questions, parser, vault, label)
