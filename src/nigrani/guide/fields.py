"""The kinds of value a guide's field can have, declared as annotations on frozen dataclasses.

One declaration serves three readers: the loader (`parser.py`), the JSON Schema (`schema.py`) and the reference
page (`reference.py`). A class may carry two fields that are not written but filled in: one annotated `Where` (its
own place) and one annotated `Places` (where each key's value stands).
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import date, time, timedelta
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

from nigrani.lib import units
from nigrani.lib.secret import Secret

from .model import Where
from .reader import Scalar

Ratio = Annotated[float, "ratio"]
Size = Annotated[int, "size"]
Url = Annotated[str, "url"]
Text = Annotated[str, "text"]  # not blank
Period = Annotated[timedelta, "period"]  # a duration longer than nothing
Date = Annotated[date, "date"]
Json = Any  # any JSON value
Raw = Annotated[Any, "raw"]  # the node itself


@dataclass(frozen=True)
class Ref:
    """Marks a text as the name of another thing in the guide: Annotated[str, Ref("measure")]."""

    kind: str


@dataclass(frozen=True)
class Places:
    """Where the value of each written key stands."""

    at: Mapping[str, Where]
    whole: Where

    def __getitem__(self, key: str) -> Where:
        return self.at.get(key, self.whole)


@dataclass(frozen=True)
class Kind:
    """A kind of single value: what it is called, an example, how it is read and its JSON Schema.

    parse raises ValueError or OverflowError for text that is none.
    """

    noun: str
    example: Any
    parse: Callable[[str], Any]
    schema: Mapping[str, Any]


_TEN_YEARS = timedelta(days=3660)
_LONGEST_TEXT = 20_000


def _duration(text: str) -> timedelta:
    span = units.duration(text)
    if span > _TEN_YEARS:
        raise ValueError("longer than ten years")
    return span


def _period(text: str) -> timedelta:
    span = _duration(text)
    if not span:
        raise ValueError("no time at all")
    return span


def _whole(text: str) -> int:
    if not re.fullmatch(r"-?(0|[1-9][0-9]{0,17})", text):
        raise ValueError("no whole number")
    return int(text)


def number(text: str) -> float:
    """Read a plain decimal number such as 10, 0.5 or 1e6. Raises ValueError for anything else, NaN included."""
    if not re.fullmatch(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?([eE][+-]?[0-9]{1,2})?", text):
        raise ValueError("no number")
    return float(text)


def _yes_no(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("neither true nor false")
    return text == "true"


def _ratio(text: str) -> float:
    number(text.strip().removesuffix("%").strip())
    return units.ratio(text)


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError("no address")
    if parts.username is not None or parts.password is not None or re.search(r"[\s\x00-\x1f\x7f\\]", text):
        raise ValueError("no plain address")
    return text


def _text(text: str) -> str:
    if not text.strip() or len(text) > _LONGEST_TEXT:
        raise ValueError("blank")
    return text.strip()


def _clock(text: str) -> time:
    found = re.fullmatch(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", text.strip())
    if not found:
        raise ValueError("no time of day")
    return time(int(found[1]), int(found[2]))


def _date(text: str) -> date:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text.strip()):
        raise ValueError("no date")
    found = date.fromisoformat(text.strip())
    if not 2000 <= found.year <= 2200:
        raise ValueError("no date of ours")
    return found


def says(text: str, example: object = "") -> Mapping[str, object]:
    """Return a field's metadata: what the reference page says of it, and an example."""
    return {"help": text, "example": example}


_NAMED = r"\$\{"  # `${NAME}` may stand wherever an integration's own field stands
_SPAN = r"([0-9]+(\.[0-9]+)?(ms|s|m|h|d|w))+"
_ANY_TEXT = {"type": ["string", "number", "boolean"]}
KINDS: Mapping[Any, Kind] = {
    str: Kind("a text", "Website", str, _ANY_TEXT),
    "text": Kind("a text", "Website", _text, {**_ANY_TEXT, "minLength": 1}),
    int: Kind("a whole number", "3", _whole, {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": _NAMED}]}),
    float: Kind("a number", "0.5", number, {"anyOf": [{"type": "number"}, {"type": "string", "pattern": _NAMED}]}),
    bool: Kind("true or false", "true", _yes_no, {"type": "boolean"}),
    timedelta: Kind("a duration", "30s", _duration, {"type": "string", "pattern": f"^{_SPAN}$|{_NAMED}"}),
    "period": Kind("a duration", "30s", _period, {"type": "string", "pattern": f"^{_SPAN}$|{_NAMED}"}),
    "ratio": Kind(
        "a ratio", "95% or 0.95", _ratio,
        {"anyOf": [
            {"type": "number", "minimum": 0, "maximum": 1},
            {"type": "string", "pattern": rf"^[0-9]+(\.[0-9]+)? *%$|{_NAMED}"},
        ]},
    ),
    "size": Kind(
        "a size", "1MiB", units.size,
        {"type": "string", "pattern": rf"^[0-9]+(\.[0-9]+)?\s*(B|[kMGT]B|[KMGT]iB)$|{_NAMED}"},
    ),
    "url": Kind(
        "an address without a password in it", "https://school.example", _url,
        {"type": "string", "pattern": rf"^https?://|{_NAMED}"},
    ),
    "clock": Kind("a time of day", "02:30", _clock, {"type": "string", "pattern": "^([01]?[0-9]|2[0-3]):[0-5][0-9]$"}),
    "date": Kind("a date", "2026-12-31", _date, {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}),
    Secret: Kind(
        "a ${NAME}", "${SLACK_WEBHOOK_URL}", str,
        {"type": "string", "pattern": r"^\$\{[A-Z][A-Z0-9_]*(:-)?\}$"},
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """An annotation taken apart.

    form: "kind" (a single value), "ref", "choice", "list", "table", "class", "json", "scalar" (a single value left
        unread), "raw" (anything left unread), "own" (marked with a class that reads it: `from_node`, `schema`).
    """

    form: str
    inner: Any = None
    may_be_null: bool = False


@cache
def shape(wanted: Any) -> Shape:
    """Take an annotation apart. Raises TypeError for one that a guide's field can't have."""
    origin, arguments = get_origin(wanted), get_args(wanted)
    if origin is Annotated:
        mark = arguments[1]
        if mark == "raw":
            return Shape("raw")
        if hasattr(mark, "from_node"):
            return Shape("own", mark)
        return Shape("ref", mark) if isinstance(mark, Ref) else Shape("kind", KINDS[mark])
    if origin in (Union, types.UnionType):
        rest = [each for each in arguments if each is not types.NoneType]
        if len(rest) == 1 and len(arguments) == 2:
            inside = shape(rest[0])
            return Shape(inside.form, inside.inner, may_be_null=True)
    if origin is Literal:
        return Shape("choice", arguments)
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return Shape("list", arguments[0])
    if origin in (dict, Mapping) and arguments[0] is str:
        return Shape("table", arguments[1])
    if wanted is Any:
        return Shape("json", may_be_null=True)
    if wanted is Scalar:
        return Shape("scalar")
    if isinstance(wanted, type) and is_dataclass(wanted):
        return Shape("class", wanted)
    if wanted in KINDS:
        return Shape("kind", KINDS[wanted])
    raise TypeError(f"a guide's field can't be annotated {wanted!r}")


@dataclass(frozen=True)
class Field:
    """A key that may be written: its annotation, whether it must be, and what the reference page says of it."""

    name: str
    attribute: str
    wanted: Any
    is_required: bool
    default: Any
    help: str
    example: Any


@cache
def fields_of(cls: type) -> Mapping[str, Field]:
    """Return the keys a class is written with; fields that are filled in are left out."""
    hints = get_type_hints(cls, include_extras=True)
    found = {}
    for each in fields(cls):
        if not each.init or hints[each.name] in (Where, Places):
            continue
        default = each.default if each.default_factory is MISSING else each.default_factory()
        key = each.name.rstrip("_")  # `from_` is written `from`, which is a word of Python's own
        found[key] = Field(
            name=key,
            attribute=each.name,
            wanted=hints[each.name],
            is_required=default is MISSING,
            default=default,
            help=str(each.metadata.get("help", "")),
            example=each.metadata.get("example", ""),
        )
    return found


def filled_of(cls: type) -> Mapping[str, type]:
    """Return the fields that are not written but filled in: name -> Where or Places."""
    hints = get_type_hints(cls, include_extras=True)
    return {each.name: hints[each.name] for each in fields(cls) if hints[each.name] in (Where, Places)}
