"""The command `schoolyard`: boot a stand-in school, break it, read what its receivers got."""

import asyncio
import json
from pathlib import Path
from typing import Any

import click
import httpx

from schoolyard.faults import FaultError
from schoolyard.postgres import PostgresError
from schoolyard.renames import Renames
from schoolyard.yard import Plan, run

HOME = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="SCHOOLYARD_HOME",
    default=".schoolyard",
    show_default=True,
    help="Folder of the yard: database, journals, erp.log, state.json.",
)


@click.group(
    epilog="""\b
Examples:
  schoolyard up --home /var/tmp/yard --mode real --traffic-rate 2 --hour 9
  schoolyard faults --home /var/tmp/yard
  schoolyard fault web_errors on --param share=0.3 --home /var/tmp/yard
  schoolyard fault web_errors off --home /var/tmp/yard
  schoolyard journal slack --home /var/tmp/yard
"""
)
def main() -> None:
    """A stand-in school ERP and strict simulators of the receivers around it."""


@main.command()
@HOME
@click.option("--mode", type=click.Choice(["real", "repaired"]), default="real", show_default=True)
@click.option("--ports", type=click.Choice(["auto"]), default="auto", help="Ports: free ones on 127.0.0.1.")
@click.option("--scale", type=click.Choice(["small", "normal"]), default="normal", show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="Same seed: same people, ids and visits.")
@click.option(
    "--traffic-rate", type=click.FloatRange(0), default=0.5, show_default=True, help="Visits/s at peak; 0: none."
)
@click.option(
    "--hour", type=click.FloatRange(0, 24), help="Pretend this hour of IST for the traffic (9: morning peak)."
)
@click.option("--pool-limit", type=click.IntRange(1), default=5, show_default=True, help="The ERP's connections.")
@click.option(
    "--pool-timeout", type=click.FloatRange(0.1), default=10.0, show_default=True, help="Seconds until P2024."
)
@click.option("--plants", metavar="NAME,NAME", help="Plant exactly these; else the mode's. See: schoolyard plants")
@click.option("--rename", "renames", multiple=True, metavar="OLD=NEW", help="Call a table, or a table.column, NEW.")
@click.option("--echo", is_flag=True, help="Print the ERP's log lines too, after the first line.")
@click.option("--json", "as_json", is_flag=True, help="Kept for scripts: the first line is JSON in any case.")
def up(**options: Any) -> None:
    """Boot a yard in the foreground; the first line of output is JSON with every URL. SIGTERM stops it.

    \b
    Example:
      schoolyard up --home /var/tmp/yard --mode repaired --scale small --seed 7 --json
    """
    plan = Plan(
        home=options["home"].resolve(),
        mode=options["mode"],
        scale=options["scale"],
        seed=options["seed"],
        traffic_rate=options["traffic_rate"],
        hour=options["hour"],
        pool_limit=options["pool_limit"],
        pool_timeout_s=options["pool_timeout"],
        echo=options["echo"],
        plants=_listed(options["plants"]),
        renames=_renamed(options["renames"]),
    )
    try:
        plan.planted()
    except FaultError as error:
        raise click.UsageError(f"{error}; {error.hint}") from error
    try:
        asyncio.run(run(plan))
    except PostgresError as error:
        raise click.ClickException(str(error)) from error


@main.command()
@click.argument("name")
@click.argument("state", type=click.Choice(["on", "off"]))
@click.option("--param", "params", multiple=True, metavar="KEY=VALUE", help="A setting of the switch.")
@HOME
def fault(name: str, state: str, params: tuple[str, ...], home: Path) -> None:
    """Turn a fault switch on or off.

    \b
    Example:
      schoolyard fault slack_trouble on --param kind=429 --param count=2
    """
    body: dict[str, object] = {"on": state == "on"}
    for each in params:
        key, sign, value = each.partition("=")
        if not sign:
            raise click.UsageError(f"--param {each}: write KEY=VALUE")
        body[key] = value
    click.echo(json.dumps(_call(home, "POST", f"/faults/{name}", body), indent=2))


@main.command()
@HOME
def faults(home: Path) -> None:
    """List the fault switches: which are on, what each means, what it can be told."""
    for item in _call(home, "GET", "/faults")["items"]:
        mark = "ON " if item["on"] else "off"
        params = " ".join(f"{key}={param['default']}" for key, param in item["params"].items())
        click.echo(f"{mark}  {item['name']:<18} {item['meaning']}{f'  [{params}]' if params else ''}")


@main.command()
@HOME
def plants(home: Path) -> None:
    """List the plants: what is amiss with the ERP and does not pass by itself."""
    for item in _call(home, "GET", "/plants")["items"]:
        click.echo(f"{'ON ' if item['on'] else 'off'}  {item['name']:<27} {item['meaning']}")


@main.command()
@click.argument("name")
@click.argument("state", type=click.Choice(["on", "off"]))
@HOME
def plant(name: str, state: str, home: Path) -> None:
    """Plant something that is amiss, or dig it up.

    \b
    Example:
      schoolyard plant no-health-route off
    """
    click.echo(json.dumps(_call(home, "POST", f"/plants/{name}", {"on": state == "on"}), indent=2))


def _listed(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(name.strip() for name in text.split(",") if name.strip())


def _renamed(pairs: tuple[str, ...]) -> Renames:
    found = {}
    for each in pairs:
        old, sign, new = each.partition("=")
        if not sign or not old or not new:
            raise click.UsageError(f"--rename {each}: write OLD=NEW")
        found[old] = new
    return Renames(found)


@main.command()
@HOME
def reset(home: Path) -> None:
    """Turn every fault switch off."""
    _call(home, "POST", "/reset")


@main.command()
@click.argument("receiver", type=click.Choice(["slack", "smtp", "hook", "deadman"]))
@click.option("--after", default=0, help="Only items numbered above this.")
@HOME
def journal(receiver: str, after: int, home: Path) -> None:
    """Print what a receiver got, one JSON object a line."""
    for item in _call(home, "GET", f"/journal/{receiver}?after={after}")["items"]:
        click.echo(json.dumps(item, ensure_ascii=False))


@main.command()
@click.option("--after", default=0, help="Only entries numbered above this.")
@HOME
def log(after: int, home: Path) -> None:
    """Print what the ERP's process said, to the end, one JSON object an entry (a stack trace is one).

    \b
    Example:
      schoolyard log --after 120 --home /var/tmp/yard
    """
    place: int | None = after
    while place is not None:
        page = _call(home, "GET", f"/log?after={place}")
        for item in page["items"]:
            click.echo(json.dumps(item, ensure_ascii=False))
        place = page["next"]


def _call(home: Path, method: str, path: str, body: object = None) -> Any:
    """Call the control API of the yard at `home`. Ends the command with exit 3 when there is none."""
    state = home / "state.json"
    if not state.exists():
        raise _Away(f"no yard is up at {home}; start one with: schoolyard up --home {home}")
    url = json.loads(state.read_text())["control"]["url"]
    try:
        answer = httpx.request(method, url + path, json=body, timeout=60, trust_env=False)
    except httpx.TransportError as error:
        raise _Away(f"the yard at {home} does not answer: {error}") from error
    document = answer.json()
    if answer.status_code >= 400:
        raise click.UsageError(f"{document['error']}. {document['hint']}")
    return document


class _Away(click.ClickException):
    exit_code = 3


if __name__ == "__main__":
    main()
