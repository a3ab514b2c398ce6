"""Sources, their probes and receivers: the entries whose keys are partly an integration's own.

Only here is `${NAME}` looked up: what stands in the integration's own keys may come from outside the guide.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from nigrani.lib.secret import Vault

from .feeds import Inspect, read_feeds
from .parser import NOTHING, Parser, is_read
from .reader import Broken, Entries, clip
from .shapes import ProbeShape, ReceiverShape, SourceShape, judge_name

_SHORTEST = timedelta(seconds=1)


@dataclass(frozen=True)
class Outside:
    """A source, probe or receiver as read.

    config: the integration's own object; None while a `${NAME}` in it is not set.
    missing: those names. probes and feeds: of a source.
    """

    shape: Any
    config: Any
    missing: tuple[str, ...] = ()
    probes: Mapping[str, Outside] = field(default_factory=dict)
    feeds: Mapping[str, Any] = field(default_factory=dict)


def read_source(
    node: Entries,
    kinds: Mapping[str, tuple[type, type]],
    parser: Parser,
    vault: Vault,
    *,
    label: str,
    feeds: Mapping[str, Inspect] | None = None,
    facts: Mapping[str, Collection[str]] | None = None,
) -> Outside:
    """Read a source with its probes and feeds. feeds: how SQL is read, by kind. facts: what feeds may fill."""
    shape = parser.object(node, SourceShape, label)
    found = kinds.get(shape.kind)
    if found is None:
        _unknown_kind(shape.kind, "kind", kinds, shape.at["kind"], parser, label)
        return Outside(shape, None)
    source_config, probe_config = found
    parser.unknown_keys(node, (SourceShape, source_config), label)
    opened = parser.expanding(vault)
    config = opened.object(node, source_config, label)
    probes: dict[str, Outside] = {}
    table = parser.table(shape.probes, f"'probes' of {label}") if is_read(shape.probes) else None
    for name, entry in table.pairs if table else ():
        inner = f"the probe '{clip(name.text)}' of {label}"
        judge_name(name, parser.problems)
        body = parser.table(entry, inner)
        if body is not None:
            parser.unknown_keys(body, (ProbeShape, probe_config), inner)
            probes[name.text] = Outside(
                parser.object(body, ProbeShape, inner), _or_none(opened.object(body, probe_config, inner))
            )
    if table is not None and not table.pairs:
        parser.problems.add(table.where, f"'probes' of {label} names none, so that nothing would be asked")
    _judge_times(shape, probes, parser, label)
    read: dict[str, Any] = {}
    if is_read(shape.feeds) and shape.feeds is not None:
        inspect = (feeds or {}).get(shape.kind)
        read = read_feeds(shape.feeds, inspect, facts or {}, parser, label=label, kind=shape.kind)
    missing = tuple(dict.fromkeys(opened.missing))
    return Outside(shape, None if missing else _or_none(config), missing, probes, read)


def read_receiver(node: Entries, kinds: Mapping[str, type], parser: Parser, vault: Vault, *, label: str) -> Outside:
    """Read a receiver."""
    shape = parser.object(node, ReceiverShape, label)
    config_class = kinds.get(shape.send)
    if config_class is None:
        _unknown_kind(shape.send, "send", kinds, shape.at["send"], parser, label)
        return Outside(shape, None)
    parser.unknown_keys(node, (ReceiverShape, config_class), label)
    opened = parser.expanding(vault)
    config = opened.object(node, config_class, label)
    missing = tuple(dict.fromkeys(opened.missing))
    return Outside(shape, None if missing else _or_none(config), missing)


def _or_none(config: Any) -> Any:
    return None if config is NOTHING else config


def _unknown_kind(written: Any, key: str, kinds: Mapping[str, object], where: Any, parser: Parser, label: str) -> None:
    if written is NOTHING or isinstance(written, Broken):
        return
    parser.problems.add(
        where, f"'{key}' of {label} names '{clip(written)}', and no integration does that", wrote=written, names=kinds
    )


def _judge_times(shape: Any, probes: Mapping[str, Outside], parser: Parser, label: str) -> None:
    periods = []
    for name, probe in {"": Outside(shape, None), **probes}.items():
        every, timeout = probe.shape.every, probe.shape.timeout
        inner = f"the probe '{clip(name)}' of {label}" if name else label
        if is_read(every) and every is not None and every < _SHORTEST:
            parser.problems.add(probe.shape.at["every"], f"'every' of {inner} is shorter than 1s")
        if is_read(timeout) and timeout is not None and timeout > timedelta(minutes=5):
            parser.problems.add(probe.shape.at["timeout"], f"'timeout' of {inner} is longer than 5m")
        if name and is_read(every, shape.every):
            periods.append(every or shape.every)
    if periods and is_read(shape.stale_after) and shape.stale_after <= min(periods):
        parser.problems.add(
            shape.at["stale_after"], f"'stale_after' of {label} is no longer than its probes' pace, so that it would "
            "always be dark"
        )  # fmt: skip
