"""Versions of the guide: what ran, what waits, what differs; and trying a change before it is saved."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nigrani.lib import clock
from nigrani.lib.errors import NigraniError, SourceError
from nigrani.lib.home import Home

from .frame import FINDING, emit, json_option, show, with_state

if TYPE_CHECKING:
    from nigrani.guide import Guide
    from nigrani.versions.examples import Tried
    from nigrani.versions.queries import VersionView
    from nigrani.versions.state import Reason

_BY = click.option("--by", default="command line", show_default=True, help="Who decides it; kept in the ledger.")


@click.command("versions")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000))
@json_option
def versions(limit: int, as_json: bool) -> None:
    """List the versions of the guide, newest first: which stands, which waits, which was refused.

    \b
    nigrani guide versions
    nigrani guide show 4
    """
    with_state()
    from nigrani.api.versions import shape
    from nigrani.versions import queries

    found = queries.versions(limit=limit)
    if as_json:
        emit({"items": [shape(each) for each in found], "next": None})
        return
    columns = {"number": "Version", "state": "State", "author": "By", "at": "At", "says": "What"}
    rows = [{**_row(each), "says": _says(each)} for each in found]
    show(rows, columns, as_json=False, empty="No version was kept yet: the first start does that.")


def _row(each: VersionView) -> dict[str, Any]:
    return {"number": str(each.number), "state": each.state, "author": each.author, "at": each.at.isoformat()}


def _says(each: VersionView) -> str:
    if each.mistakes:
        return f"{len(each.mistakes)} mistake{'s' if len(each.mistakes) != 1 else ''}: {each.mistakes[0]}"
    if each.over is None:
        return "the first"
    if not each.changes:
        return "only remarks or layout"
    more = f", and {len(each.changes) - 1} more" if len(each.changes) > 1 else ""
    return each.changes[0].says + more


def show_version(number: int, *, into: Path | None, as_json: bool) -> None:
    """Print one version with its changes, reasons, mistakes and diff; with `into`, write its files there."""
    from nigrani.api.versions import shape
    from nigrani.versions import queries

    found = queries.version(number)
    if into is not None:
        _write_out(found, into)
    if as_json:
        emit(shape(found, whole=True))
        return
    click.echo(f"Version {found.number} ({found.state}), by {found.author} at {found.at:%Y-%m-%d %H:%M:%S} UTC")
    if found.decided_by:
        click.echo(f"Decided by {found.decided_by} at {found.decided_at:%Y-%m-%d %H:%M:%S} UTC")
    for line in (found.because, *found.mistakes, *(f"{each.rule}: {each.says}" for each in found.reasons)):
        if line:
            click.echo(f"  {line}")
    _echo_changes([each.says for each in found.changes], queries.lines(found))


def _write_out(found: VersionView, into: Path) -> None:
    if not found.texts:
        raise NigraniError(f"The files of version {found.number} were not kept.")
    if into.exists() and any(into.iterdir()):
        raise NigraniError(f"{into} is not empty.", "Choose a new folder; nothing is overwritten.")
    into.mkdir(parents=True, exist_ok=True)
    for name, text in found.texts.items():
        (into / Path(name).name).write_text(text, encoding="utf-8")
    click.echo(f"{len(found.texts)} files of version {found.number} stand in {into}.", err=True)


def _echo_changes(says: list[str], lines: list[str]) -> None:
    for each in says:
        click.echo(f"  {each}")
    if lines:
        click.echo()
    for line in lines:
        plain = "".join(letter if letter.isprintable() or letter == "\t" else "�" for letter in line)
        colour = {"+": "green", "-": "red", "@": "cyan"}.get(plain[:1])
        click.secho(plain, fg=colour)


@click.command("diff")
@click.argument("before", required=False, metavar="[A]")
@click.argument("after", required=False, metavar="[B]")
@json_option
def diff(before: str | None, after: str | None, as_json: bool) -> int:
    """Say what differs between two versions, entry by entry and line by line; exits with 1 if anything does.

    A and B are numbers of versions, "standing" or "folder". Left out, they are what stands and what the folder holds.

    \b
    nigrani guide diff
    nigrani guide diff 3
    nigrani guide diff 3 4 --json
    """
    home = with_state()
    from nigrani.versions import changes

    old, new = _texts(home, before or "standing"), _texts(home, after or "folder")
    found, lines = changes.changes(old, new), list(changes.lines(old, new))
    if as_json:
        emit({"changes": found, "diff": lines})
    elif not lines:
        click.echo("Nothing differs.")
    else:
        _echo_changes([each.says for each in found] or ["Only remarks or layout differ."], lines)
    return FINDING if lines else 0


def _texts(home: Home, chosen: str) -> Mapping[str, str]:
    from nigrani import guide as guides
    from nigrani import schedule
    from nigrani.versions import queries

    if chosen == "folder":
        return guides.text(schedule.guide_folder(home)).files
    if chosen == "standing":
        stands = queries.standing()
        if stands is None:
            raise NigraniError("No version stands yet.", "The first start keeps one: nigrani up")
        return stands.texts
    if not (chosen.isascii() and chosen.isdecimal()):
        raise click.UsageError(f"{chosen!r} is no version; write a number, standing or folder")
    return queries.version(int(chosen)).texts


@click.command("test")
@click.argument("rule", required=False)
@json_option
def test(rule: str | None, as_json: bool) -> int:
    """Try the folder's guide: run its examples, and say which rules would fire at once if it ran.

    An example that fails is shown reading by reading. Without RULE every example runs, and the rules that differ from
    what stands are held against what is recorded now. Exits with 1 when an example fails or something would fire.

    \b
    nigrani guide test
    nigrani guide test slow-website
    """
    home = with_state()
    from nigrani import schedule
    from nigrani.versions.examples import tried

    fresh = schedule.load_guide(home)
    if rule is not None and rule not in fresh.alerts:
        raise NigraniError(f"The guide has no rule {rule!r}.", "List them with: nigrani guide show")
    examples = tried(fresh, [rule] if rule else fresh.alerts)
    effects, unjudged = _effects(home, fresh, rule)
    failed = [each for each in examples if not each.holds]
    if as_json:
        emit({"ok": not (failed or effects), "examples": examples, "effects": effects, "unjudged": unjudged})
    else:
        _echo_tried(examples, failed, effects, unjudged)
    return FINDING if failed or effects else 0


def _effects(home: Home, fresh: Guide, rule: str | None) -> tuple[list[Reason], str]:
    """Return what would happen at once, and why that can't be said."""
    from django.db import DatabaseError

    from nigrani import schedule
    from nigrani.alerts import queries as alerts
    from nigrani.versions import effects, queries

    now = clock.now()
    try:
        if rule is not None:
            return list(effects.judged(fresh, [rule], loud=alerts.loud(), now=now)), ""
        stands = queries.running(schedule.reader(home))
        return (effects.reasons(stands, fresh, now=now), "") if stands is not None else ([], "nothing stands yet")
    except DatabaseError:
        return [], "the state database does not answer"
    except SourceError as error:
        return [], error.message


def _echo_tried(examples: list[Tried], failed: list[Tried], effects: list[Reason], unjudged: str) -> None:
    for each in failed:
        for problem in each.problems:
            click.echo(problem)
        for step in each.steps:
            click.echo(f"    {step.at:<22} {step.reading:>12}  {step.state:<20} {step.because}".rstrip())
    held = len(examples) - len(failed)
    click.echo(f"{held} of {len(examples)} examples hold." if examples else "There are no examples.")
    for reason in effects:
        click.echo(f"{reason.rule}: {reason.says}")
    if unjudged:
        click.echo(f"Whether anything would fire at once was not judged: {unjudged}.")
    elif not effects:
        click.echo("Nothing would fire at once, and nothing that fires would be dropped.")


@click.command("confirm")
@click.argument("number", required=False, type=click.IntRange(1))
@_BY
@json_option
def confirm(number: int | None, by: str, as_json: bool) -> None:
    """Let a version run that waits: the one that waits now, or NUMBER if that is what the folder holds.

    \b
    nigrani guide versions
    nigrani guide confirm 4 --by asha@example.in
    """
    home = with_state()
    from nigrani import schedule
    from nigrani.api.versions import shape
    from nigrani.versions import actions, queries

    chosen = number or _waiting()
    for reason in queries.version(chosen).reasons if not as_json else ():
        click.echo(f"{reason.rule}: {reason.says}")
    actions.confirm(chosen, by=by, reader=schedule.reader(home), now=clock.now())
    if as_json:
        emit(shape(queries.version(chosen)))
    else:
        click.echo(f"Version {chosen} runs from now on; every process takes it within seconds.")


@click.command("withdraw")
@click.argument("number", required=False, type=click.IntRange(1))
@_BY
@json_option
def withdraw(number: int | None, by: str, as_json: bool) -> None:
    """Let what waits not run. The folder keeps its text; it is offered again when it is next changed.

    \b
    nigrani guide withdraw --by asha@example.in
    """
    with_state()
    from nigrani.api.versions import shape
    from nigrani.versions import actions, queries

    chosen = number or _waiting()
    actions.withdraw(chosen, by=by, now=clock.now())
    if as_json:
        emit(shape(queries.version(chosen)))
    else:
        click.echo(f"Version {chosen} was withdrawn. What stood goes on running.")


def _waiting() -> int:
    from nigrani.versions import queries

    waiting = queries.pending(now=clock.now()).waiting
    if waiting is None:
        raise NigraniError("No version waits.", "See them with: nigrani guide versions")
    return waiting.number
