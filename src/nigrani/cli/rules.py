"""The guide's rules: list them, see what one would have done, let it send, take it back into shadow."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nigrani.lib import clock
from nigrani.lib.errors import NigraniError

from .frame import emit, json_option, show, with_state

if TYPE_CHECKING:
    from nigrani.alerts.backtest import Backtest
    from nigrani.guide import Guide

_SHOWN = 20


@click.group(invoke_without_command=True)
@click.pass_context
@json_option
def rule(context: click.Context, as_json: bool) -> None:
    """The guide's alert rules: list them with their phase, try one on the past, let one send, or take it back."""
    if context.invoked_subcommand is not None:
        return
    guide = _guide()
    from nigrani.alerts import queries

    columns = {"name": "Rule", "title": "Title", "urgency": "Urgency", "phase": "Phase", "says": "Says"}
    show(queries.rules(guide), columns, as_json=as_json, empty="The guide has no rules.")


@rule.command("backtest")
@click.argument("name")
@click.option("--days", type=click.FloatRange(0.01, 90), default=None, help="How far back; 90 when left out.")
@click.option("--from", "start", type=click.DateTime(), help="From when on, UTC; instead of --days.")
@click.option("--to", "end", type=click.DateTime(), help="Until when, UTC; now when left out.")
@click.option("--guide", "folder", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Of this guide.")
@click.option("--above", default="", help="Try this level instead, in the measure's unit: 95%, 500ms.")
@click.option("--below", default="", help="Try this level instead.")
@click.option("--over", default="", help="Try this window instead.")
@click.option("--hold", default="", help="Try this hold instead.")
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="Only series with this label.")
@json_option
def rule_backtest(
    name: str, days: float | None, start: datetime | None, end: datetime | None, folder: Path | None, above: str,
    below: str, over: str, hold: str, labels: tuple[str, ...], as_json: bool,
) -> None:  # fmt: skip
    """Say when a rule would have fired, for how long, and who would have been told, by recorded readings.

    \b
    nigrani rule backtest slow-website --days 30
    nigrani rule backtest slow-website --above 3s --hold 10m --json
    nigrani rule backtest slow-website --guide ./guide --from 2026-03-01 --to 2026-03-08
    """
    guide = _guide(folder)
    _known(guide, name)
    from nigrani.alerts import backtest
    from nigrani.alerts.wishes import wished
    from nigrani.api.rules import shaped

    declared = guide.alerts[name]
    declared = wished(declared, guide.measures[declared.when.measure], above=above, below=below, over=over, hold=hold)
    span = backtest.span(clock.now(), days=days, start=_utc(start), end=_utc(end))
    found = backtest.run(guide, declared, *span, only=_labels(labels), progress=_progress(quiet=as_json))
    emit(shaped(found)) if as_json else _say(found)


@rule.command("promote")
@click.argument("name")
@click.option("--by", default="command line", show_default=True, help="Who decides it; kept in the ledger.")
def rule_promote(name: str, by: str) -> None:
    """Let a rule send its messages from now on, and say what it would have sent while it was in shadow.

    \b
    nigrani rule promote slow-website --by asha@example.in
    """
    guide = _guide()
    _known(guide, name)
    from nigrani.alerts import actions, shadow

    for line in shadow.lines(guide, name, now=clock.now()):
        click.echo(line)
    actions.promote(name, by=by, now=clock.now())
    click.echo(f"{name} sends from now on.")


@rule.command("demote")
@click.argument("name")
@click.option("--by", default="command line", show_default=True, help="Who decides it; kept in the ledger.")
def rule_demote(name: str, by: str) -> None:
    """Take a rule back into shadow: it is evaluated and recorded, and sends nothing.

    \b
    nigrani rule demote slow-website --by asha@example.in
    """
    _known(_guide(), name)
    from nigrani.alerts import actions

    actions.demote(name, by=by, now=clock.now())
    click.echo(f"{name} is in shadow: it sends nothing.")


def _guide(folder: Path | None = None) -> Guide:
    home = with_state()
    from nigrani import guide as guides
    from nigrani import schedule

    if folder is not None:
        return guides.load(folder, vocabulary=schedule.vocabulary(), vault=home.vault)
    return schedule.running_guide(home)


def _known(guide: Guide, name: str) -> None:
    if name not in guide.alerts:
        close = difflib.get_close_matches(name, guide.alerts, n=1)
        hint = f"The nearest is {close[0]}. " if close else ""
        raise NigraniError(f"The guide has no rule {name!r}.", f"{hint}List them with: nigrani rule")


def _utc(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at else None


def _labels(written: tuple[str, ...]) -> dict[str, str]:
    pairs = [each.partition("=") for each in written]
    if bad := [name for name, sign, _ in pairs if not sign]:
        raise NigraniError(f"--label {bad[0]} has no value.", "Write for example --label probe=login.")
    return {name: value for name, _, value in pairs}


def _progress(*, quiet: bool) -> Callable[[float], None]:
    """Return what shows the share that is done, to a person who waits; a pipe and a machine see none of it."""
    is_seen = sys.stderr.isatty() and not quiet

    def shown(done: float) -> None:
        if is_seen:
            click.echo(f"\r{done:4.0%}" if done < 1 else "\r    \r", nl=False, err=True)

    return shown


def _say(found: Backtest) -> None:
    from nigrani.alerts import backtest

    click.echo(f"{found.rule}: {found.says}, {found.start:%Y-%m-%d %H:%M} to {found.end:%Y-%m-%d %H:%M} UTC.")
    for line in backtest.sentences(found):
        click.echo(line)
    rows = [
        {"began": each.began, "ended": each.ended or "fires still", "level": each.level, "alert": each.alert,
         "worst": each.shown, "because": each.because}
        for each in found.firings[:_SHOWN]
    ]  # fmt: skip
    if rows:
        headings = ("Began", "Ended", "Alert", "Level", "Worst", "Because")
        columns = {heading.lower(): heading for heading in headings}
        show(rows, columns, as_json=False, empty="")
    if found.count > _SHOWN:
        click.echo(f"The newest {_SHOWN} of {found.count:,}; --json has up to {backtest.MOST_FIRINGS}.")
