"""Findings: the question of each is partly an integration's own, and names tables that the guide maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nigrani.lib.secret import Vault

from .draft import Draft
from .outside import Outside
from .parser import NOTHING, Parser, is_read
from .reader import Problems, clip
from .shapes import FindingShape


def read_question(
    shape: FindingShape, draft: Draft, kinds: Mapping[str, type], parser: Parser, vault: Vault, label: str
) -> Outside:
    """Read what a finding asks, as the kind of its source has it. Sources were read before."""
    source = draft.shapes["sources"].get(shape.source) if is_read(shape.source) else None
    if source is None or not is_read(source.kind, shape.ask):
        return Outside(shape, None)
    config_class = kinds.get(source.kind)
    if config_class is None:
        parser.problems.add(
            shape.at["source"],
            f"'source' of {label} is of the kind '{clip(source.kind)}', of which nothing can be surveyed",
            wrote=source.kind,
            names=kinds,
        )
        return Outside(shape, None)
    inner = f"'ask' of {label}"
    body = parser.table(shape.ask, inner)
    if body is None:
        return Outside(shape, None)
    opened = parser.expanding(vault)
    parser.unknown_keys(body, (config_class,), inner)
    config = opened.object(body, config_class, inner)
    missing = tuple(dict.fromkeys(opened.missing))
    return Outside(shape, None if missing or config is NOTHING else config, missing)


def judge_findings(draft: Draft, problems: Problems) -> None:
    """Judge what only shows when entries are seen together: tables that are named, rows that stand in two truths."""
    tables = draft.shapes.get("tables", {})
    for name, shape in draft.shapes.get("findings", {}).items():
        config = draft.outsides["findings", name].config
        if config is not None and hasattr(config, "names"):
            for table, column in config.names():
                _judge_name(
                    table, column, shape, tables, label=f"'ask' of the finding '{clip(name)}'", problems=problems
                )
    taken: dict[str, str] = {}
    for name, truth in draft.shapes.get("truths", {}).items():
        for row in truth.rows if is_read(truth.rows) else ():
            if taken.setdefault(row, name) != name:
                sentence = f"The row {row} stands in the truth '{clip(taken[row])}' already"
                problems.add(truth.at["rows"], sentence)


def _judge_name(
    table: str, column: str, shape: FindingShape, tables: Mapping[str, Any], *, label: str, problems: Problems
) -> None:
    where = shape.at["ask"]
    found = tables.get(table)
    if found is None:
        problems.add(where, f"{label} reads the table '{clip(table)}', which the guide does not map", wrote=table,
                     names=tables)  # fmt: skip
    elif is_read(found.source) and found.source != shape.source:
        problems.add(where, f"{label} reads the table '{clip(table)}', which stands in another source")
    elif column and is_read(found.columns) and column not in found.columns:
        problems.add(
            where, f"{label} reads '{clip(column)}', which is no column of '{clip(table)}'", wrote=column,
            names=found.columns,
        )  # fmt: skip
