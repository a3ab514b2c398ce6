"""The tables of facts as this code knows them: names, columns, types; and rows as the lines they are stored from.

The SQL that makes them stands in `migrations/`; a test compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

from nigrani.lib.errors import Unreadable

_TIME = "DateTime64(3, 'UTC')"
_WORD = "LowCardinality(String)"
_LABELS = "Map(LowCardinality(String), String)"
_NUMBER = "Nullable(Float64)"
_RANGE = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)

_FINITE = Annotated[float, msgspec.Meta(ge=-1.7e308, le=1.7e308)]  # ClickHouse would read NaN's null as 0
_PYTHON: Mapping[str, Any] = {
    _TIME: Annotated[datetime, msgspec.Meta(tz=True)],
    "DateTime('UTC')": Annotated[datetime, msgspec.Meta(tz=True)],
    "String": str,
    _WORD: str,
    _LABELS: dict[str, str],
    "UInt8": Annotated[int, msgspec.Meta(ge=0, le=2**8 - 1)],
    "UInt16": Annotated[int, msgspec.Meta(ge=0, le=2**16 - 1)],
    "UInt64": Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)],
    "Float64": _FINITE,
    "Nullable(Float64)": _FINITE | None,
    "Nullable(UInt8)": Annotated[int, msgspec.Meta(ge=0, le=2**8 - 1)] | None,
}


@dataclass(frozen=True)
class Table:
    """A table: its columns with their ClickHouse types, and which of them a row must have.

    Columns that a row leaves out get the type's default: "", 0, NULL or an empty map.
    """

    name: str
    columns: Mapping[str, str]
    needs: tuple[str, ...] = ("at",)
    row: type[msgspec.Struct] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        fields: list[Any] = [
            (name, _PYTHON[kind]) if name in self.needs else (name, _PYTHON[kind] | msgspec.UnsetType, msgspec.UNSET)
            for name, kind in self.columns.items()
        ]
        row = msgspec.defstruct(self.name, fields, kw_only=True, forbid_unknown_fields=True)
        object.__setattr__(self, "row", row)


def _facts(name: str, needs: str, /, **columns: str) -> Table:
    """A table of facts: a fact with the same id (and sorting key) is kept once, as last received."""
    common = {"at": _TIME, "received_at": _TIME, "id": "String", "source": _WORD}
    return Table(name, {**common, **columns}, needs=("at", "source", *needs.split()))


TABLES: Mapping[str, Table] = {
    table.name: table
    for table in (
        _facts(
            "requests", "", method=_WORD, route=_WORD, host=_WORD, path="String", status="UInt16",
            duration_ms=_NUMBER, region=_WORD, user_id="String", school_id="String", ip_key="String",
        ),
        _facts(
            "audit", "action", actor="String", action=_WORD, resource=_WORD, resource_id="String",
            school_id="String", outcome=_WORD, reason="String", ip_key="String", attrs=_LABELS,
        ),
        _facts("logs", "body", severity=_WORD, body="String", attrs=_LABELS),
        _facts(
            "probes", "probe outcome", probe=_WORD, location=_WORD, outcome=_WORD, up="Nullable(UInt8)",
            failure=_WORD, detail="String", status="UInt16", size_bytes="UInt64", dns_ms=_NUMBER,
            connect_ms=_NUMBER, tls_ms=_NUMBER, first_byte_ms=_NUMBER, total_ms=_NUMBER,
        ),
        _facts("gauges", "name value", name=_WORD, labels=_LABELS, value="Float64"),
        Table(
            "readings",
            {
                "measure": _WORD, "sql_hash": _WORD, "labels": _LABELS, "labels_key": "String",
                "minute": "DateTime('UTC')", "num": _NUMBER, "den": _NUMBER, "n": "UInt64", "digest": "String",
                "computed_at": _TIME, "at": _TIME, "received_at": _TIME,
            },
            needs=("measure", "sql_hash", "minute", "n", "computed_at"),
        ),
    )
}  # fmt: skip

_encoder = msgspec.json.Encoder()


def find(name: str) -> Table:
    """Return a table by name. Raises Unreadable, naming the tables there are."""
    if table := TABLES.get(name):
        return table
    raise Unreadable(f"There is no table {name!r}.", f"Tables: {', '.join(TABLES)}.")


def convert(table: Table, rows: Sequence[Mapping[str, object]]) -> list[Any]:
    """Return the rows as the table's own row objects.

    Raises Unreadable with the first column that does not fit, its row's place and why; then no row is usable.
    """
    converted = []
    for index, row in enumerate(rows):
        try:
            fit = msgspec.convert(row, table.row)
        except msgspec.ValidationError as error:
            raise Unreadable(f"Row {index} does not fit the table {table.name}: {_plain(error)}") from None
        for name in ("at", "minute"):
            instant = getattr(fit, name, msgspec.UNSET)
            if instant is not msgspec.UNSET and not _RANGE[0] <= instant < _RANGE[1]:
                raise Unreadable(f"Row {index} does not fit the table {table.name}: {name} is {instant.isoformat()}.")
        converted.append(fit)
    return converted


def lines(converted: Sequence[Any]) -> bytes:
    """Return row objects as JSON lines, as ClickHouse reads them. Raises Unreadable for text that is not Unicode."""
    try:
        return _encoder.encode_lines(converted)
    except (UnicodeEncodeError, msgspec.MsgspecError) as error:
        raise Unreadable(f"A row can't be written: {error}") from None


def _plain(error: Exception) -> str:
    """Turn msgspec's "… - at `$.status`" into the column's name first; it never quotes the value."""
    what, _, where = str(error).partition(" - at `$.")
    column = re.sub(r"`\Z", "", where)
    return f"{column}: {what[:1].lower()}{what[1:]}." if column else f"{what}."
