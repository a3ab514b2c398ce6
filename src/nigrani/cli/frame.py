"""What every command shares: how lists and errors are shown, and how state is reached."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import click
import msgspec

from nigrani.lib.errors import Conflict, NigraniError, SourceError
from nigrani.lib.home import Home

FINDING, USAGE, MISSING = 1, 2, 3
COVER = {"row": "Row", "state": "State", "by": "By", "evidence": "Evidence"}

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")

Command = TypeVar("Command", bound=Callable[..., Any])


def json_option(command: Command) -> Command:
    """Add `--json` to a command."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")(command)


def show(items: Iterable[Any], columns: Mapping[str, str], *, as_json: bool, empty: str) -> None:
    """Print a list: a table of the named columns (attribute -> heading), or {"items", "next"} as JSON."""
    found = [msgspec.to_builtins(item, enc_hook=str) for item in items]
    if as_json:
        emit({"items": found, "next": None})
        return
    if not found:
        click.echo(empty)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in columns.values():
        table.add_column(heading, overflow="fold")
    for item in found:
        table.add_row(*(_shown(item.get(key)) for key in columns))
    Console(highlight=False, markup=False).print(table, markup=False)


def emit(value: object) -> None:
    """Print one JSON document."""
    click.echo(msgspec.json.encode(msgspec.to_builtins(value, enc_hook=str)).decode())


def _shown(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.4g}"
        case str() if _INSTANT.match(value):
            return value[:19].replace("T", " ") + " UTC"
        case _:
            return str(value)


def told(error: Exception) -> int:
    """Tell an expected failure in a sentence and its hint; returns the exit code. Raises what is unexpected."""
    if isinstance(error, NigraniError):
        click.echo(error.message, err=True)
        if error.hint:
            click.echo(error.hint, err=True)
        return MISSING if isinstance(error, SourceError | Conflict) else USAGE
    if type(error).__name__ == "OperationalError":
        click.echo("The state database of this home does not answer.", err=True)
        click.echo("Start Nigrani with: nigrani up", err=True)
        return MISSING
    raise error


def with_state() -> Home:
    """Make the state database usable in this command."""
    from nigrani.node import app

    home = Home.from_environment()
    app.set_up(home)
    return home
