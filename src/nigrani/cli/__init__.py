"""The command line: a noun and a verb; a bare noun lists. `--json` everywhere.

Exit codes: 0 all well, 1 a finding, 2 wrong usage or a mistake to mend, 3 something needed does not answer.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from nigrani import __version__
from nigrani.lib.home import Home

from .frame import COVER, FINDING, USAGE, emit, json_option, show, told
from .guide import guide
from .people import ledger, person, token
from .rules import rule
from .silence import silence
from .survey import survey
from .upgrade import upgrade
from .watch import alert, delivery, measure, receiver, source
from .why import why


def main() -> None:
    """Run the command line and turn every expected failure into one sentence and the right exit code."""
    try:
        code = nigrani.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(USAGE)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)
    except Exception as error:
        sys.exit(told(error))
    sys.exit(code if isinstance(code, int) else 0)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="nigrani")
@click.option("--home", type=click.Path(file_okay=False, path_type=Path), help="Use this NIGRANI_HOME.")
def nigrani(home: Path | None) -> None:
    """Run a team's production guide: watch what it names, wake whom it says, prove every row.

    \b
    First hour:   nigrani init
    Start:        nigrani up
    Try it:       nigrani demo
    Is it well?   nigrani doctor
    """
    if home is not None:
        os.environ["NIGRANI_HOME"] = str(home.absolute())


@nigrani.command()
@click.option("--listen", help="Where the console listens.", metavar="HOST:PORT", show_default="127.0.0.1:8200")
def up(listen: str | None) -> int:
    """Start everything on this machine and keep it running: the database, telemetry and the app.

    \b
    nigrani up
    nigrani up --listen 127.0.0.1:9000
    """
    from nigrani.node import supervisor

    def ready(address: str) -> None:
        click.echo(f"Nigrani runs. Console: {address}  Stop it with Ctrl-C.")

    return supervisor.run(Home.from_environment(), environ=_listening(listen), ready=ready)


@nigrani.command()
@click.option("--listen", help="Where the console listens.", metavar="HOST:PORT", show_default="127.0.0.1:8200")
def web(listen: str | None) -> int:
    """Run the console alone, beside workers elsewhere, on the same two stores."""
    from nigrani.node import app

    _listening(listen)
    return app.run(Home.from_environment(), "web")


@nigrani.command()
@click.option("--location", default="", help="Where this worker asks from, for example mumbai.")
def worker(location: str) -> int:
    """Run the loops alone: probes, readings, alerts and messages, without a console."""
    from nigrani.node import app

    if location:
        os.environ["NIGRANI_LOCATION"] = location
    return app.run(Home.from_environment(), "worker")


def _listening(listen: str | None) -> Mapping[str, str]:
    if listen:
        host, _, port = listen.rpartition(":")
        if not host or not port.isdigit():
            raise click.UsageError(f"{listen!r} is no HOST:PORT; write for example 127.0.0.1:8200")
        os.environ["NIGRANI_LISTEN"] = listen
    return os.environ


@nigrani.command()
@json_option
def doctor(as_json: bool) -> int:
    """Look at everything a support engineer would ask about, and say what to mend.

    Exits with 1 when something is wrong. Works with everything stopped.
    """
    from nigrani.node import doctor as surgery

    report = surgery.report(Home.from_environment())
    if as_json:
        emit(report)
    else:
        click.echo(surgery.text(report))
    return FINDING if report.verdict == "bad" else 0


@nigrani.command()
@click.option("--user", default="nigrani", show_default=True, help="The system user that runs it.")
@click.option("--apart", is_flag=True, help="Units for a console and workers apart.")
def systemd(user: str, apart: bool) -> None:
    """Print systemd units for this installation.

    \b
    nigrani systemd > /etc/systemd/system/nigrani.service
    """
    from nigrani.node import systemd as service

    units = service.units(Home.from_environment(), executable=Path(sys.argv[0]).absolute(), user=user)
    wanted = {name: text for name, text in units.items() if (name != "nigrani.service") == apart}
    for name, text in wanted.items():
        click.echo(f"# {name}\n{text}" if len(wanted) > 1 else text, nl=False)


@nigrani.command()
@click.option("--url", help="The website to watch.", metavar="URL")
@click.option("--dsn", help="A read-only address of its PostgreSQL; '-' reads it from standard input.", metavar="DSN")
@click.option("--channel", help="A Slack webhook, mail address or webhook to be told through.", metavar="ADDRESS")
@click.option("--person", help="The mail address of the first person.", metavar="EMAIL")
@click.option("--smtp", help="For a mail address: user:password@host:port of the SMTP server.", metavar="SMTP")
@click.option("--insist", is_flag=True, help="Accept a superuser or owner as the monitor.")
@click.option("--sql", is_flag=True, help="Only print the SQL that makes the least-privilege roles.")
@click.option("--skip", is_flag=True, help="Ask nothing: what is not given stays 'no source'.")
def init(**answers: Any) -> int:
    """Set up the first hour: a URL, a read-only database role, one channel and one person.

    \b
    nigrani init
    nigrani init --sql > roles.sql
    nigrani init --url https://erp.example.in --channel https://hooks.slack.com/services/… --skip
    """
    from nigrani import first_hour

    return first_hour.run(Home.from_environment(), **answers)


@nigrani.command()
@click.option("--story", help="Play one story and say whether it came true.", metavar="NAME")
@click.option("--cover", is_flag=True, help="Let every row that is built happen once, and print the cover.")
@click.option("--list", "listed", is_flag=True, help="List the stories.")
@click.option("--no-fault", is_flag=True, help="Break nothing: the story must then fail.")
@click.option("--no-watch", is_flag=True, help="Don't start Nigrani: the story must then fail.")
@click.option("--keep", type=click.Path(file_okay=False, path_type=Path), help="Keep everything in this folder.")
@json_option
def demo(
    story: str | None, cover: bool, listed: bool, no_fault: bool, no_watch: bool, keep: Path | None, as_json: bool
) -> int:
    """Start a stand-in school and Nigrani with the shipped guide; break things and watch.

    \b
    nigrani demo
    nigrani demo --story website-down
    nigrani demo --story blind --json
    nigrani demo --cover --json
    """
    from nigrani.demo import run, stories

    # A demo that is told to stop still takes its school and its watchman down.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if listed:
        for each in stories.STORIES.values():
            emit({"name": each.name, "shows": each.shows}) if as_json else click.echo(each.name)
        return 0
    if cover:
        show(run.cover(folder=keep), COVER, as_json=as_json, empty="The guide has no rows.")
        return 0
    if story:
        return run.story(story, as_json=as_json, inject=not no_fault, watched=not no_watch, folder=keep)
    return run.play(keep)


_GROUPS = (guide, survey, source, measure, rule, alert, silence, why, receiver, delivery, person, token, ledger)
for group in (*_GROUPS, upgrade):
    nigrani.add_command(group)
