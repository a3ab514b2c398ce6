"""The survey: row by row, whether the watched system can answer the guide."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

import click

from nigrani.lib import clock
from nigrani.lib.errors import NigraniError

from .frame import FINDING, MISSING, USAGE, emit, json_option, show, with_state

if TYPE_CHECKING:
    from nigrani.survey.report import Report

_ROWS = {"row": "Row", "state": "State", "because": "Because", "truth": "True source"}
_FINDINGS = {"name": "Finding", "title": "What was found", "came": "Evidence", "do": "What to do"}


@click.group(invoke_without_command=True)
@click.pass_context
@click.option("--try", "tries", is_flag=True, help="Also ask what does more than look; says what, and asks first.")
@click.option("--yes", is_flag=True, help="With --try: don't ask.")
@click.option("--last", is_flag=True, help="Show the last survey instead of making one.")
@click.option("--by", default="command line", show_default=True, help="Who asks; kept with the survey.")
@json_option
def survey(context: click.Context, tries: bool, yes: bool, last: bool, by: str, as_json: bool) -> int | None:
    """Look at the watched system with the guide in hand, and say row by row whether it can be answered.

    It only looks, unless --try allows more. Exits with 1 when something was found, with 3 when something could not be
    looked at and nothing was found.

    \b
    nigrani survey
    nigrani survey --json | jq '.findings[] | select(.state == "found") | .title'
    nigrani survey --try --yes
    nigrani survey show 12
    """
    if context.invoked_subcommand is not None:
        return None
    home = with_state()
    from nigrani import schedule
    from nigrani.survey import actions, asking, queries

    if last:
        found = queries.latest()
        if found is None:
            raise NigraniError("Nothing was surveyed yet.", "Begin with: nigrani survey")
        return _tell(found.number, found.report, as_json=as_json)
    guide = schedule.running_guide(home)
    if tries and not yes and not _agreed(dict(asking.plans(guide)), as_json=as_json):
        return USAGE
    if as_json:
        number, report = actions.carry_out_here(guide, by=by, tries=tries, now=clock.now())
    else:
        with click.progressbar(length=len(guide.findings), label="Asking", file=sys.stderr) as bar:
            number, report = actions.carry_out_here(
                guide, by=by, tries=tries, now=clock.now(), progress=lambda done, _: bar.update(done - bar.pos)
            )
    return _tell(number, report, as_json=as_json)


@survey.command("show")
@click.argument("number", type=click.IntRange(1))
@json_option
def survey_show(number: int, as_json: bool) -> int:
    """Show an earlier survey again.

    \b
    nigrani survey show 12 --json
    """
    with_state()
    from nigrani.survey import queries

    found = queries.survey(number)
    if found is None:
        raise NigraniError(f"There is no survey {number}.", "List them with: nigrani survey list")
    return _tell(found.number, found.report, as_json=as_json)


@survey.command("list")
@json_option
def survey_list(as_json: bool) -> None:
    """List the surveys that are kept, newest first.

    \b
    nigrani survey list
    """
    with_state()
    from nigrani.survey import queries

    columns = {"number": "Survey", "ended_at": "Ended", "by": "By", "found": "Found", "unseen": "Not seen"}
    show(queries.past(), columns, as_json=as_json, empty="Nothing was surveyed yet.")


def _agreed(plans: dict[str, str], *, as_json: bool) -> bool:
    """Say what a survey with tries does besides looking, and ask."""
    if not plans:
        return True
    if as_json:
        raise click.UsageError("--try with --json wants --yes as well; without --json it says what it would do")
    click.echo("Besides looking, this survey will:")
    for title, does in plans.items():
        click.echo(f"  - {does}  (to see: {title})")
    return click.confirm("Do that?", default=False)


def _tell(number: int, report: Report, *, as_json: bool) -> int:
    found, unseen = report.found(), report.unseen()
    code = FINDING if found else MISSING if unseen else 0
    if as_json:
        from nigrani.api import shapes

        emit(shapes.survey(number, report))
        return code
    show(report.rows, _ROWS, as_json=False, empty="The guide has no rows.")
    if found:
        click.echo()
        show(found, _FINDINGS, as_json=False, empty="")
    for each in unseen:
        click.echo(f"could not look: {each.title}? {each.because}")
    for each in report.findings:
        if each.state == "waits for a try":
            click.echo(f"not tried: {each.title}? Allow it with --try. {each.because}")
    if report.grants:
        click.echo(f"\nOur role may not read everything. To let it, run as a superuser:\n{report.grants}")
    counts = Counter(each.state for each in report.rows)
    said = ", ".join(f"{count} {state}" for state, count in counts.most_common())
    click.echo(f"\nSurvey {number}: {len(report.rows)} rows, {said}. {len(found)} findings.")
    return code
