"""`nigrani demo`: one story without a terminal, the rows' cover, or the whole thing to play with."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nigrani.lib import clock, http, links
from nigrani.lib.errors import NigraniError, SourceError
from nigrani.node import app

from . import stage as stages
from .eyes import Closed, Eyes, Open
from .stage import Stage
from .stories import STORIES
from .telling import Story

if TYPE_CHECKING:
    from nigrani.measures.cover import CoverItem


def story(name: str, *, as_json: bool, inject: bool, watched: bool, folder: Path | None) -> int:
    """Play one story on a stage of its own. Returns 0 if all came true, else 1.

    With `as_json` the last line of standard output is {"story", "ok", "events": [{"at", "what", "detail"}]}.
    """
    chosen = STORIES.get(name)
    if chosen is None:
        raise NigraniError(f"There is no story {name!r}.", f"There are: {', '.join(STORIES)}.")
    with stages.set_up(watched=watched, folder=folder, guide=chosen.guide) as stage:
        stage.tell = _teller(to_stderr=as_json)
        stage.happened(
            "started",
            f"school {stage.yard.state['website']['url']}, console {stage.console if watched else 'not started'}",
        )
        ok = _played(chosen, stage, inject=inject)
        if as_json:
            click.echo(json.dumps({"story": name, "ok": ok, "events": stage.events}))
        else:
            click.echo("It came true." if ok else "It did not come true.")
    return 0 if ok else 1


def _played(chosen: Story, stage: Stage, *, inject: bool) -> bool:
    try:
        return chosen.play(stage, _eyes(stage), inject)
    except NigraniError as error:
        stage.happened("broke off", str(error))
        return False


def _teller(*, to_stderr: bool) -> Callable[[str, str], None]:
    began = clock.monotonic()

    def tell(what: str, detail: str) -> None:
        click.echo(f"{clock.monotonic() - began:6.1f} s  {what}{': ' if detail else ''}{detail}", err=to_stderr)

    return tell


def _eyes(stage: Stage) -> Eyes:
    if stage.node is None:
        return Closed()
    wait_until_up(stage)
    from nigrani import schedule

    return Open(stage.home, schedule.load_guide(stage.home))


def wait_until_up(stage: Stage) -> None:
    """Wait for the console, then look into the same state database as it does."""

    def answers() -> bool:
        if stage.node is not None and stage.node.poll() is not None:
            raise NigraniError(f"Nigrani did not start: {(stage.home.log / 'up.log').read_text()[-600:].strip()}")
        try:
            return http.ping(f"{stage.console}/healthz", timedelta(seconds=2)).status == 200
        except SourceError:
            return False

    if not stage.wait(answers, timeout_s=120):
        raise NigraniError("Nigrani's console did not answer in time.", (stage.home.log / "up.log").read_text()[-600:])
    os.environ["NIGRANI_HOME"] = str(stage.home.path)
    app.set_up(stage.home)


def cover(*, folder: Path | None) -> list[CoverItem]:
    """Start the school in repaired mode, let every row that is built happen once; return how far the guide runs."""
    with stages.set_up(mode="repaired", folder=folder) as stage:
        stage.tell = _teller(to_stderr=True)
        eyes = _eyes(stage)
        if not stage.wait(eyes.settled, timeout_s=180):
            stage.happened("not settled", eyes.unsettled())
        from nigrani import schedule
        from nigrani.measures import cover as covers

        guide = schedule.load_guide(stage.home)

        def all_run() -> bool:
            return all(item.state != "claimed" for item in covers.cover(guide, now=clock.now()))

        stage.wait(all_run, timeout_s=120)
        return covers.cover(guide, now=clock.now())


def play(folder: Path | None) -> int:
    """Start the school and Nigrani, tell what can be broken, and let the person break it."""
    click.echo("Starting a stand-in school and Nigrani; this takes some ten seconds …")
    with stages.set_up(folder=folder) as stage:
        eyes = _eyes(stage)
        _introduce(stage)
        with _following(stage):
            stage.wait(eyes.settled, timeout_s=120)
            click.echo(f"Ready: {eyes.settled() or eyes.unsettled()}.")
            return _prompted(stage)


def _introduce(stage: Stage) -> None:
    from nigrani.access import people

    token = people.invite("admin", by="nigrani demo", now=clock.now())
    click.echo(
        f"\n  The school   {stage.yard.state['website']['url']}\n"
        f"  The console  {stage.console}\n"
        f"  Sign in by   {links.link(stage.console, 'welcome', token=token)}\n"
    )


@contextmanager
def _following(stage: Stage) -> Iterator[None]:
    """Print each message that arrives in the stand-in channel while the person plays."""
    stop, seen = threading.Event(), 0

    def follow() -> None:
        nonlocal seen
        while not stop.wait(1):
            try:
                items = stage.messages()
            except NigraniError:
                return
            for item in items[seen:]:
                click.echo(f"\n  #production-alerts  {item}")
            seen = len(items)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(5)


def _prompted(stage: Stage) -> int:
    switches = (
        "web_down",
        "web_latency",
        "database_down",
        "database_hang",
        "pool_exhausted",
        "monitor_revoked",
        "network_cut",
    )
    click.echo(f"Break something: {', '.join(switches)}. The same word again mends it. 'quit' ends the demo.\n")
    if not sys.stdin.isatty():
        click.echo('No terminal: the demo ends here. Try: make demo ARGS="--story website-down"')
        return 0
    broken: set[str] = set()
    while True:
        try:
            word = click.prompt("nigrani demo", prompt_suffix="> ").strip()
        except (EOFError, click.Abort):
            return 0
        if word in ("quit", "exit", "q"):
            return 0
        if word not in switches:
            click.echo(f"There is no {word!r}. There are: {', '.join(switches)}.")
            continue
        stage.yard.fault(word, on=word not in broken)
        broken ^= {word}
        click.echo(f"{word} is {'broken' if word in broken else 'mended'}. Watch {stage.console}")
