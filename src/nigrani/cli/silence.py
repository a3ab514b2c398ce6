"""Silences and maintenance windows: what mutes messages now, and who made it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from nigrani.lib import clock, instants
from nigrani.lib.errors import NigraniError
from nigrani.lib.units import duration

from .frame import emit, json_option, show
from .watch import _guide

if TYPE_CHECKING:
    from nigrani.alerts.silences import Preview
    from nigrani.alerts.silencing import Plan
    from nigrani.guide import Guide

_COLUMNS = {
    "id": "Id", "kind": "Kind", "state": "State", "matches": "Matches", "until": "Until", "by": "By", "why": "Why",
}  # fmt: skip


@click.group(invoke_without_command=True)
@click.pass_context
@click.option("--past", is_flag=True, help="Those that are over, the latest first.")
@json_option
def silence(context: click.Context, past: bool, as_json: bool) -> None:
    """What mutes messages: list silences and maintenance windows; preview, add, change and end them.

    \b
    nigrani silence
    nigrani silence add --rule 'slow-*' --for 2h --why 'The new index is built'
    """
    if context.invoked_subcommand is not None:
        return
    _guide()
    from nigrani.alerts import silences

    found = silences.silences(now=clock.now(), past=past)
    if as_json:
        from nigrani.api.silences import silence_shape

        emit({"items": [silence_shape(each) for each in found], "next": None})
        return
    show(found, _COLUMNS, as_json=False, empty="Nothing is silenced.")


def _planned(command: Any) -> Any:
    """Add the options that say what is silenced, why and for how long."""
    for option in reversed(
        (
            click.option("--rule", "rules", multiple=True, help="A rule, or a glob such as 'slow-*'.", metavar="GLOB"),
            click.option("--source", "sources", multiple=True, help="Rules that this source feeds.", metavar="NAME"),
            click.option("--label", "labels", multiple=True, help="Only series with this label.", metavar="NAME=GLOB"),
            click.option("--why", default="", help="The reason, for those who wonder.", metavar="TEXT"),
            click.option("--for", "lasts", help="How long, at most 30d: 45m, 2h, 7d.", metavar="DURATION"),
            click.option("--until", help="Until when, by the guide's clock.", metavar="'2026-03-01 18:30'"),
            click.option("--starts", help="Make it a maintenance window that begins then.", metavar="INSTANT"),
        )
    ):
        command = option(command)
    return command


def _plan(guide: Guide, *, rules: Any, sources: Any, labels: Any, why: str, lasts: str | None, until: str | None,
          starts: str | None, now: datetime) -> Plan:  # fmt: skip
    from nigrani.alerts.matching import Matchers
    from nigrani.alerts.silencing import Plan

    by_name: dict[str, tuple[str, ...]] = {}
    for each in labels:
        name, sign, glob = each.partition("=")
        if not sign:
            raise click.UsageError(f"{each!r} is no label; write NAME=GLOB, for example probe=login")
        by_name[name.strip()] = (*by_name.get(name.strip(), ()), glob)
    starts_at = _instant(starts, guide) if starts else None
    kind = "window" if starts_at else "silence"
    matchers = Matchers(tuple(rules), tuple(sources), by_name)
    return Plan(kind, matchers, why, _lasts(guide, lasts, until, starts_at or now), starts_at)  # type: ignore[arg-type]


def _lasts(guide: Guide, lasts: str | None, until: str | None, start: datetime) -> timedelta:
    if (lasts is None) == (until is None):
        raise click.UsageError("Say how long: either --for or --until")
    if until is not None:
        return _instant(until, guide) - start
    try:
        return duration(lasts or "")
    except (ValueError, OverflowError) as error:
        raise click.UsageError(str(error)) from None


def _instant(text: str, guide: Guide) -> datetime:
    try:
        return instants.read(text, guide.zone)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


@silence.command("preview")
@_planned
@json_option
def silence_preview(as_json: bool, **options: Any) -> None:
    """Say what a silence would mute now, and what of the last seven days; nothing is made.

    \b
    nigrani silence preview --source database --for 1h --why upgrade
    """
    guide, now = _guide(), clock.now()
    from nigrani.alerts import silences

    found = silences.preview(_plan(guide, **{**options, "why": options["why"] or "a preview"}, now=now), guide, now=now)
    emit(found) if as_json else click.echo(_told(found))


def _told(found: Preview) -> str:
    lines = [f"It matches {found.matches}, until {found.until:%Y-%m-%d %H:%M} UTC."]
    lines += [f"  would mute now: {key} ({state})" for key, state in found.would_mute[:20]]
    if len(found.would_mute) > 20:
        lines.append(f"  and {len(found.would_mute) - 20} more")
    if not found.would_mute:
        lines.append("  nothing that it matches fires now")
    lines.append(f"  in the last 7 days it would have muted {found.sent} messages")
    lines += [f"warning: {each}" for each in found.warnings]
    return "\n".join(lines)


@silence.command("add")
@_planned
@click.option("--by", default="command line", show_default=True, help="Who makes it; kept in the ledger.")
@click.option("--yes", is_flag=True, help="Don't ask after the preview.")
@json_option
def silence_add(as_json: bool, yes: bool, by: str, **options: Any) -> None:
    """Mute the messages of what matches, after a preview. State is kept; what fires still at the end is told.

    \b
    nigrani silence add --rule slow-website --for 2h --why 'The cache is cold' --by asha@example.in
    nigrani silence add --source database --starts '2026-03-01 02:00' --for 1h --why upgrade --yes
    """
    guide, now = _guide(), clock.now()
    from nigrani.alerts import silences, silencing

    plan = _plan(guide, **options, now=now)
    found = silences.preview(plan, guide, now=now)
    if not as_json:
        click.echo(_told(found))
        if not yes:
            click.confirm("Make it?", abort=True)
    made = silencing.add(plan, guide, by=by, now=now)
    if as_json:
        _emit(made.pk, now)
    else:
        click.echo(f"{made.kind.capitalize()} {made.pk} is made.")


def _emit(number: int, now: datetime) -> None:
    from nigrani.alerts import silences
    from nigrani.api.silences import silence_shape

    view = silences.silence(number, now=now)
    assert view is not None, "looked up just now"
    emit(silence_shape(view))


@silence.command("show")
@click.argument("number", type=click.IntRange(1, 2**62))
@json_option
def silence_show(number: int, as_json: bool) -> None:
    """Show one silence."""
    _guide()
    from nigrani.alerts import silences

    found = silences.silence(number, now=clock.now())
    if found is None:
        raise NigraniError(f"There is no silence {number}.", "List them with: nigrani silence")
    if as_json:
        _emit(number, clock.now())
    else:
        show([found], {**_COLUMNS, "made_at": "Made", "ended_by": "Ended by"}, as_json=False, empty="")


@silence.command("move")
@click.argument("number", type=click.IntRange(1, 2**62))
@click.option("--for", "lasts", help="How much longer from now.", metavar="DURATION")
@click.option("--until", help="Until when, by the guide's clock.", metavar="INSTANT")
@click.option("--by", default="command line", show_default=True, help="Who decides it; kept in the ledger.")
def silence_move(number: int, lasts: str | None, until: str | None, by: str) -> None:
    """Let a silence end sooner or later than said.

    \b
    nigrani silence move 7 --for 30m
    """
    guide, now = _guide(), clock.now()
    from nigrani.alerts import silencing

    row = silencing.move(number, now + _lasts(guide, lasts, until, now), by=by, now=now)
    click.echo(f"It ends at {row.until:%Y-%m-%d %H:%M} UTC.")


@silence.command("end")
@click.argument("number", type=click.IntRange(1, 2**62))
@click.option("--by", default="command line", show_default=True, help="Who decides it; kept in the ledger.")
def silence_end(number: int, by: str) -> None:
    """End a silence now: what it muted and still fires is told. Others go on.

    \b
    nigrani silence end 7 --by asha@example.in
    """
    _guide()
    from nigrani.alerts import silencing

    row = silencing.end(number, by=by, now=clock.now())
    click.echo(f"{row.kind.capitalize()} {number} is over.")
