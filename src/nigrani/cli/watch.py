"""What is watched and what was said of it: sources, measures, rules, alerts, receivers, deliveries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from nigrani.guide.model import Condition
from nigrani.lib import clock
from nigrani.lib.errors import NigraniError

from .frame import emit, json_option, show, with_state

if TYPE_CHECKING:
    from nigrani.guide import Guide
    from nigrani.sources.feed_queries import FeedView

RECENT = timedelta(minutes=5)


def _guide() -> Guide:
    home = with_state()
    from nigrani import schedule

    return schedule.running_guide(home)


@click.command()
@click.argument("name", required=False)
@json_option
def source(name: str | None, as_json: bool) -> None:
    """What is watched: each source, whether we see it, and how old its answer is; or one with probes and feeds.

    \b
    nigrani source
    nigrani source database --json
    """
    guide = _guide()
    if name is not None:
        _one_source(guide, name, as_json=as_json)
        return
    from nigrani.sources import queries

    columns = {"name": "Source", "kind": "Kind", "state": "State", "age_s": "Age (s)", "error": "Error"}
    show(queries.sources(guide, clock.now()), columns, as_json=as_json, empty="The guide names no source.")


def _one_source(guide: Guide, name: str, *, as_json: bool) -> None:
    if name not in guide.sources:
        raise NigraniError(f"The guide has no source {name!r}.", f"There are: {', '.join(guide.sources)}.")
    from nigrani.api import seen
    from nigrani.sources import queries

    view = next(each for each in queries.sources(guide, clock.now()) if each.name == name)
    if as_json:
        emit(seen.source(view, guide.sources[name].where))
        return
    click.echo(f"{view.title} ({view.kind}): {view.state}{f'. {view.error}' if view.error else ''}\n")
    if costs := view.costs_in_words(getattr(guide.sources[name].config, "budget", None)):
        click.echo(f"{costs}\n")
    columns = {"name": "Probe", "state": "State", "last_at": "Last answer", "last_outcome": "It was",
               "last_ms": "ms", "cost_ms": "Cost (ms)", "pace": "Stretched to", "last_detail": "Said"}  # fmt: skip
    show(view.probes, columns, as_json=False, empty="No probe runs.")
    if view.feeds:
        click.echo()
        columns = {
            "name": "Feed",
            "state": "State",
            "read_to": "Read to",
            "watermark": "Newest row",
            "lag_s": "Lag (s)",
            "rows": "Rows",
            "late": "Late",
            "ahead": "In the future",
            "timeless": "Without time",
        }
        show(view.feeds, columns, as_json=False, empty="")
    for feed in view.feeds:
        for line in remarks(feed):
            click.echo(f"{feed.name}: {line}")


def remarks(feed: FeedView) -> Iterator[str]:
    """Yield what is not as it should be with a feed."""
    if feed.state != "fresh":
        yield feed.says
    for reason, number in feed.rejected.items():
        yield f"{number} rows rejected because {reason}"
    for gap in feed.gaps:
        end = "rows were gone by then" if gap.lost_to else "caught up with" if gap.filled_at else "being caught up with"
        yield f"not read from {gap.start:%Y-%m-%d %H:%M} to {gap.end:%Y-%m-%d %H:%M} UTC: {end}. {gap.because}"


@click.group(invoke_without_command=True)
@click.pass_context
@json_option
def measure(context: click.Context, as_json: bool) -> None:
    """What is measured: each measure, one line a label set, over the last five minutes."""
    guide = _guide()
    from nigrani.measures import windows

    now = clock.now()
    recent = [Condition(name, RECENT, above=0) for name in guide.measures]
    items = [
        {
            "name": merged.measure.name,
            "labels": key,
            "unit": merged.measure.unit,
            "known": value.known,
            "value": value.value,
            "says": value.says,
            "means": merged.measure.means,
        }
        for merged in windows.read(guide, recent, now=now)
        for key, value in (sorted(merged.values.items()) or [("", merged.of("", {}))])
    ]
    columns = {"name": "Measure", "labels": "Labels", "known": "Known", "says": "Says"}
    show(items, columns, as_json=as_json, empty="The guide measures nothing.")


@click.group(invoke_without_command=True)
@click.pass_context
@json_option
def alert(context: click.Context, as_json: bool) -> None:
    """What the rules say now: each alert, worst first."""
    guide = _guide()
    from nigrani.alerts import queries

    columns = {"key": "Alert", "state": "State", "known": "Known", "since": "Since", "says": "Because"}
    show(queries.alerts(guide), columns, as_json=as_json, empty="No rule has been evaluated yet.")


@click.group(invoke_without_command=True)
@click.pass_context
@json_option
def receiver(context: click.Context, as_json: bool) -> None:
    """Where messages go: list the receivers with their health, or test one."""
    if context.invoked_subcommand is not None:
        return
    guide = _guide()
    from nigrani.outbox import queries

    columns = {"name": "Receiver", "title": "Title", "state": "State", "reason": "Reason", "waiting": "Waiting"}
    show(queries.receivers(guide, now=clock.now()), columns, as_json=as_json, empty="The guide names no receiver.")


@receiver.command("test")
@click.argument("name")
@json_option
def receiver_test(name: str, as_json: bool) -> None:
    """Send a test message to a receiver, now, and say what it answered.

    \b
    nigrani receiver test production-alerts
    """
    guide = _guide()
    from nigrani.outbox import actions

    receipt = actions.send_test(guide, name, now=clock.now())
    emit(receipt) if as_json else click.echo(f"Delivered to {guide.receivers[name].title}. {receipt.answer}".strip())


@click.group(invoke_without_command=True)
@click.pass_context
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000))
@json_option
def delivery(context: click.Context, limit: int, as_json: bool) -> None:
    """What was sent, to whom, and what became of it; newest first."""
    with_state()
    from nigrani.outbox import queries

    columns = {"id": "Id", "receiver": "Receiver", "title": "Title", "word": "Fate", "reason": "Reason"}
    show(queries.deliveries(limit), columns, as_json=as_json, empty="Nothing was sent yet.")
