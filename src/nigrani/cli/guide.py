"""The guide: check it, read it, see how far it is proven."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from nigrani.lib.errors import GuideError, NigraniError

from . import versions
from .frame import COVER, USAGE, emit, json_option, show, with_state


@click.group(invoke_without_command=True)
@click.pass_context
def guide(context: click.Context) -> None:
    """The production guide: check it, read it, see how far it is proven."""
    if context.invoked_subcommand is None:
        context.invoke(guide_show)


@guide.command("check")
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@json_option
def guide_check(folder: Path | None, as_json: bool) -> int:
    """Find every mistake in the guide and run its examples.

    \b
    nigrani guide check
    nigrani guide check ./guide --json
    """
    if folder is not None:
        os.environ["NIGRANI_GUIDE"] = str(folder)
    home = with_state()
    from nigrani import schedule

    try:
        loaded, warnings = schedule.check(home)
    except GuideError as error:
        if as_json:
            emit({"ok": False, "problems": error.problems, "warnings": []})
            return USAGE
        raise
    if as_json:
        emit({"ok": True, "problems": [], "warnings": warnings})
        return 0
    for warning in warnings:
        click.echo(f"warning: {warning}")
    examples = sum(len(alert.examples) for alert in loaded.alerts.values())
    click.echo(
        f"{loaded.name}: {len(loaded.sources)} sources, {len(loaded.measures)} measures, {len(loaded.alerts)} alerts, "
        f"{len(loaded.promises)} promises; {examples} examples hold."
    )
    return 0


for command in (versions.versions, versions.diff, versions.test, versions.confirm, versions.withdraw):
    guide.add_command(command)


@guide.command("show")
@click.argument("name", required=False)
@click.option(
    "--into", type=click.Path(file_okay=False, path_type=Path), help="Write a version's files into this new folder."
)
@json_option
def guide_show(name: str | None, into: Path | None, as_json: bool) -> None:
    """List what the folder's guide declares, show one thing where it stands, or a version by its number.

    \b
    nigrani guide show
    nigrani guide show system-down
    nigrani guide show 4
    nigrani guide show 4 --into ./guide-of-yesterday
    """
    home = with_state()
    if name is not None and name.isascii() and name.isdecimal():
        versions.show_version(int(name), into=into, as_json=as_json)
        return
    if into is not None:
        raise click.UsageError("--into writes a version's files; name its number")
    from nigrani import schedule

    loaded = schedule.load_guide(home)
    kinds: dict[str, Mapping[str, Any]] = {
        "source": loaded.sources, "measure": loaded.measures, "alert": loaded.alerts,
        "promise": loaded.promises, "person": loaded.people, "receiver": loaded.receivers,
    }  # fmt: skip
    found = [
        {
            "kind": kind,
            "name": key,
            "title": getattr(each, "title", getattr(each, "means", "")),
            "where": str(each.where),
        }
        for kind, named in kinds.items()
        for key, each in named.items()
        if name in (None, key)
    ]
    if name is not None and not found:
        raise NigraniError(f"The guide has nothing named {name!r}.", "List it with: nigrani guide show")
    if name is not None and not as_json:
        for each in found:
            click.echo(f"{each['where']}  {each['kind']} {each['name']}")
            file, line, column = each["where"].rsplit(":", 2)
            click.echo(_block(loaded.text[file].splitlines(), int(line), int(column)))
        return
    columns = {"kind": "Kind", "name": "Name", "title": "Says", "where": "Stands in"}
    show(found, columns, as_json=as_json, empty="The guide declares nothing.")


def _block(lines: Sequence[str], line: int, column: int) -> str:
    """Return a declaration as it is written: its key's line and what is indented under it."""
    start = line - 1
    if not lines[start][: column - 1].strip():  # a block stands under its key; a {flow} mapping beside it
        start = next(above for above in range(start - 1, -1, -1) if lines[above].rstrip().endswith(":"))
    indent = len(lines[start]) - len(lines[start].lstrip())
    block = [lines[start]]
    for below in lines[start + 1 :]:
        if below.strip() and len(below) - len(below.lstrip()) <= indent:
            break
        block.append(below)
    return "\n".join(block).rstrip()


@guide.command("cover")
@json_option
def guide_cover(as_json: bool) -> None:
    """Say for each row of the guide whether it runs here, with the id and age of a stored live result.

    run: it has a live result. claimed: the guide answers it, nothing was measured yet. no source: what it needs is
    not set up. not yet: nothing in this guide answers it.
    """
    home = with_state()
    from nigrani import schedule
    from nigrani.lib import clock
    from nigrani.measures import cover

    items = cover.cover(schedule.running_guide(home), now=clock.now())
    show(items, COVER, as_json=as_json, empty="The guide has no rows.")


@guide.command("schema")
def guide_schema() -> None:
    """Print the JSON Schema of the guide's files, for editors."""
    with_state()
    from nigrani import schedule
    from nigrani.guide import schema

    emit(schema.schema(schedule.vocabulary()))


@guide.command("where")
def guide_where() -> None:
    """Print the folder the guide is read from."""
    home = with_state()
    from nigrani import schedule

    click.echo(schedule.guide_folder(home))
