"""What a watched database calls the tables and columns that the guide speaks of: by their names, or by their columns.

Pure: it is handed the database's catalogue.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from nigrani.guide.model import Table
from nigrani.integrations.postgres.catalog import Catalog


@dataclass(frozen=True)
class Mapped:
    """A table as it was found. columns: the guide's name -> the database's. lacking: why a column has none."""

    schema: str
    name: str
    columns: Mapping[str, str]
    lacking: Mapping[str, str]

    @property
    def shown(self) -> str:
        """Its name as a person writes it."""
        return self.name if self.schema == "public" else f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class Absent:
    """A table that was not found, and why."""

    because: str


Names = Mapping[str, Mapped | Absent]


def find(tables: Iterable[Table], catalog: Catalog) -> Names:
    """Look every table up."""
    return {table.name: _find(table, catalog) for table in tables}


def _find(table: Table, catalog: Catalog) -> Mapped | Absent:
    for candidate in table.named:
        schema, dot, bare = candidate.rpartition(".")
        at = [key for key in catalog if key[1] == bare and (not dot or key[0] == schema)]
        if len(at) > 1:
            in_public = [key for key in at if key[0] == "public"]
            at = in_public or at[:1]
        if at:
            return _mapped(table, at[0], catalog[at[0]])
    fitting = [
        key
        for key, columns in catalog.items()
        if all(any(each in columns for each in candidates) for candidates in table.columns.values())
    ]
    if len(fitting) == 1:
        return _mapped(table, fitting[0], catalog[fitting[0]])
    if fitting:
        alike = ", ".join(f"{schema}.{name}" for schema, name in fitting[:3])
        return Absent(f"Several tables have its columns ({alike}). Say in the guide which is meant: {table.where}.")
    near = get_close_matches(table.named[0], [name for _, name in catalog], n=1, cutoff=0.7)
    return Absent(
        f"The database has no table {table.named[0]}, and none with its columns."
        + (f" The nearest name is {near[0]}." if near else "")
    )


def _mapped(table: Table, at: tuple[str, str], there: tuple[str, ...]) -> Mapped:
    columns, lacking = {}, {}
    for name, candidates in table.columns.items():
        found = next((each for each in candidates if each in there), None)
        if found is not None:
            columns[name] = found
            continue
        near = get_close_matches(candidates[0], there, n=1, cutoff=0.5)
        lacking[name] = f"The table {at[1]} has no column {candidates[0]}." + (
            f" The nearest is {near[0]}." if near else ""
        )
    return Mapped(at[0], at[1], columns, lacking)


def placeholders(names: Names) -> dict[str, str]:
    """Return what each placeholder of a question stands for, quoted: identifiers, and with `!` texts."""
    filled = {}
    for name, each in names.items():
        if isinstance(each, Absent):
            continue
        whole = f"{_quoted(each.schema)}.{_quoted(each.name)}"
        filled[name], filled[f"{name}!"] = whole, _text(whole)
        for column, there in each.columns.items():
            filled[f"{name}.{column}"], filled[f"{name}.{column}!"] = _quoted(there), _text(there)
    return filled


def why_not(names: Names, wanted: Iterable[tuple[str, str]]) -> str:
    """Say why a question about these tables and columns can't be asked, or ""."""
    for table, column in wanted:
        found = names[table]
        if isinstance(found, Absent):
            return found.because
        if column and column in found.lacking:
            return found.lacking[column]
    return ""


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(words: str) -> str:
    return "'" + words.replace("'", "''") + "'"
