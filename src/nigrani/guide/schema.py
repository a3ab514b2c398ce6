"""The JSON Schema of a guide's files, for editors: made from the very classes the loader reads with.

It says what a file may hold. What only shows when entries are seen together (references, units of levels, examples)
is the loader's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .feeds import FeedShape
from .fields import Field, Url, fields_of, shape
from .loader import VERSION, Vocabulary
from .repeat import RepeatShape
from .shapes import (
    NAME,
    SECTIONS,
    AlertShape,
    DeadManShape,
    ProbeShape,
    ReceiverShape,
    SourceShape,
    TellingShape,
    TopShape,
    WhenShape,
)
from .thresholds import ClearShape

Schema = dict[str, Any]
_NAMES = {"pattern": f"^{NAME.pattern}$"}
_LEVEL = {"type": ["string", "number"]}
_SIDE = [{"required": ["above"]}, {"required": ["below"]}]
# An alert has one level (its urgency, and a side in `when`) or several.
_ALERT: Schema = {
    "if": {"required": ["levels"]},
    "then": {
        "not": {"anyOf": [{"required": [key]} for key in ("urgency", "hold", "clear")]},
        "properties": {"when": {"not": {"anyOf": _SIDE}}},
    },
    "else": {"required": ["urgency"], "properties": {"when": {"oneOf": _SIDE}}},
}


def schema(vocabulary: Vocabulary) -> Schema:
    """Return the schema (draft 2020-12) of one file; a whole guide, put together, fits it too."""
    top = fields_of(TopShape)
    settings = {name: _described(each) for name, each in top.items()}
    settings["guide"] = {"const": VERSION, "description": top["guide"].help}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A file of a Nigrani guide",
        "type": "object",
        "minProperties": 1,
        "additionalProperties": False,
        "dependentRequired": {name: sorted(set(top) - {name}) for name in top},
        "properties": {
            **settings,
            "dead_man": of(DeadManShape),
            "reference": of(tuple[Url, ...]),
            "telling": of(TellingShape),
            "repeat": of(RepeatShape),
            **{key: _section(key, vocabulary) for key in SECTIONS},
        },
    }


def of(wanted: Any) -> Schema:
    """Return the schema of one annotation."""
    want = shape(wanted)
    made = _of(want.form, want.inner)
    return {"anyOf": [made, {"type": "null"}]} if want.may_be_null and want.form != "json" else made


def _of(form: str, inner: Any) -> Schema:
    match form:
        case "kind":
            return dict(inner.schema)
        case "ref":
            return {"type": "string", "minLength": 1}
        case "choice":
            return {"anyOf": [{"enum": list(inner)}, {"type": "string", "pattern": r"\$\{"}]}
        case "list":
            one = of(inner)
            return {"anyOf": [{"type": "array", "items": one}, one]}
        case "table":
            return {"type": "object", "additionalProperties": of(inner)}
        case "class":
            return _object((inner,))
        case "own":
            return dict(inner.schema())
        case "scalar":
            return dict(_LEVEL)
        case _:
            return {}


def _described(each: Field) -> Schema:
    made = of(each.wanted)
    return {**made, "description": each.help} if each.help else made


def _object(classes: tuple[type, ...], *, replaced: Mapping[str, Schema] | None = None) -> Schema:
    """Return the schema of a table that is read into several classes at once."""
    every = {name: each for cls in classes for name, each in fields_of(cls).items()}
    made: Schema = {
        "type": "object",
        "additionalProperties": False,
        "required": sorted(name for name, each in every.items() if each.is_required),
        "properties": {name: _described(each) for name, each in every.items()} | dict(replaced or {}),
    }
    if {"above", "below"} <= set(every):
        # Where a level must stand, exactly one of the two; a `clear`, and `when` beside `levels`, may do without.
        made |= (
            {"not": {"required": ["above", "below"]}} if {ClearShape, WhenShape} & set(classes) else {"oneOf": _SIDE}
        )
    if AlertShape in classes:
        made |= _ALERT
    return made


def _section(key: str, vocabulary: Vocabulary) -> Schema:
    section = SECTIONS[key]
    if key == "sources":
        entry = _one_of(
            "kind",
            {
                kind: _source(kind, *both, has_feeds=kind in vocabulary.feeds)
                for kind, both in vocabulary.sources.items()
            },
        )
    elif key == "receivers":
        entry = _one_of(
            "send",
            {
                kind: _object((ReceiverShape, config), replaced={"send": {"const": kind}})
                for kind, config in vocabulary.receivers.items()
            },
        )
    elif key == "findings":
        asked = [_object((each,)) for each in vocabulary.questions.values()]
        entry = _object((section.shape,), replaced={"ask": {"anyOf": asked} if asked else {"type": "object"}})
    else:
        entry = _object((section.shape,))
    return {
        "type": "object",
        "description": section.help,
        "minProperties": 1,
        "propertyNames": _NAMES,
        "additionalProperties": entry,
    }


def _one_of(key: str, kinds: Mapping[str, Schema]) -> Schema:
    """Choose by the key's value, so that an editor complains about the keys of the kind that was meant."""
    chosen = [
        {"if": {"properties": {key: {"const": kind}}, "required": [key]}, "then": made} for kind, made in kinds.items()
    ]
    return {
        "type": "object",
        "required": [key],
        "properties": {key: {"enum": sorted(kinds)}},
        "allOf": chosen,
    }


def _source(kind: str, source_config: type, probe_config: type, *, has_feeds: bool) -> Schema:
    probes = {
        "type": "object",
        "description": fields_of(SourceShape)["probes"].help,
        "minProperties": 1,
        "propertyNames": _NAMES,
        "additionalProperties": _object((ProbeShape, probe_config)),
    }
    feeds = {
        "type": "object",
        "description": fields_of(SourceShape)["feeds"].help,
        "minProperties": 1,
        "propertyNames": _NAMES,
        "additionalProperties": _object((FeedShape,)),
    }
    made = _object((SourceShape, source_config), replaced={"kind": {"const": kind}, "probes": probes, "feeds": feeds})
    if not has_feeds:
        del made["properties"]["feeds"]
    return made
