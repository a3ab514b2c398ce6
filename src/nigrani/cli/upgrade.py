"""From one version to the next, and back."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from nigrani.lib.home import Home

from .frame import FINDING, emit, json_option


@click.command()
@click.option("--check", "only_check", is_flag=True, help="Say what is pending and what it takes; change nothing.")
@click.option("--rollback", is_flag=True, help="Go back to the state saved before the last upgrade.")
@click.option("--yes", is_flag=True, help="Go back without asking.")
@json_option
def upgrade(only_check: bool, rollback: bool, yes: bool, as_json: bool) -> int:
    """Bring the stores of this home to this version: save the state, migrate, check; go back when anything fails.

    Nigrani must be stopped. --check exits with 1 when an upgrade is due.

    \b
    nigrani upgrade --check
    nigrani upgrade
    nigrani upgrade --rollback
    """
    if only_check and rollback:
        raise click.UsageError("--check and --rollback are two things; give one.")
    from nigrani.node import app
    from nigrani.node.upgrade import stores

    home = Home.from_environment()
    stores.check_home(home)
    app.set_up(home)
    if only_check:
        return _check(home, as_json)
    with stores.alone(home), stores.running(home):
        return _back(home, yes, as_json) if rollback else _forward(home, as_json)


def _check(home: Home, as_json: bool) -> int:
    from contextlib import nullcontext

    from nigrani.node import standing
    from nigrani.node.upgrade import saved, stores, work

    # What runs already has its stores open; they are only asked.
    with nullcontext() if standing.is_held(home) else stores.running(home):
        plan, left = work.plan(home), saved.unfinished(home)
    told: dict[str, Any] = {
        "needed": plan.is_needed or left is not None,
        "state": plan.state,
        "telemetry": plan.telemetry,
        "need_bytes": plan.need_bytes,
        "free_bytes": plan.free_bytes,
        "unfinished": left.name if left else None,
    }
    if as_json:
        emit(told)
        return FINDING if told["needed"] else 0
    if left is not None:
        click.echo(f"An upgrade was killed when it {left.said}; nigrani upgrade goes back to its saved state first.")
    if not plan.is_needed:
        click.echo("Both stores are of this version.")
    for store, names in (("state", plan.state), ("telemetry", plan.telemetry)):
        for name in names:
            click.echo(f"pending in {store}: {name}")
    if plan.is_needed:
        click.echo(f"It writes at most {plan.need_bytes / 2**20:,.0f} MB; {plan.free_bytes / 2**20:,.0f} MB are free.")
    return FINDING if told["needed"] else 0


def _forward(home: Home, as_json: bool) -> int:
    from nigrani import __version__
    from nigrani.node.upgrade import state, work

    with state.locked(), _Bar() as tell:
        mended = work.repair(home, tell)
        kept = work.forward(home, tell)
    if as_json:
        emit({"upgraded": kept is not None, "version": __version__, "saved": kept.name if kept else None,
              "went_back_first": mended.name if mended else None})  # fmt: skip
        return 0
    if mended is not None:
        click.echo(f"An earlier upgrade was killed: went back to the state of {mended.made_at:%Y-%m-%d %H:%M:%S} UTC.")
    if kept is None:
        click.echo("Both stores are of this version. There was nothing to do.")
    else:
        click.echo(f"Upgraded to {__version__}. The state before is kept: {home.upgrades / kept.name}")
        click.echo("Start Nigrani with: nigrani up")
    return 0


def _back(home: Home, yes: bool, as_json: bool) -> int:
    from nigrani.lib.errors import NigraniError
    from nigrani.node.upgrade import saved, state, stores, work

    kept = next(saved.every(home), None)
    if kept is None:
        raise NigraniError(f"Nothing is saved in {home.upgrades}.", "A state is saved before each upgrade.")
    if not yes:
        click.echo(f"Everything since {kept.made_at:%Y-%m-%d %H:%M:%S} UTC is forgotten: alerts, messages, the ledger.")
        click.confirm("Go back?", abort=True, err=True)
    with state.locked(), _Bar() as tell:
        stores.refuse_company(state.others())
        work.back(home, kept, tell)
    if as_json:
        emit({"rolled_back_to": kept.name, "version": kept.version})
    else:
        click.echo(f"The state is that of {kept.made_at:%Y-%m-%d %H:%M:%S} UTC. Install Nigrani {kept.version} again")
        click.echo("before you start: this version would upgrade it.")
    return 0


class _Bar:
    """A progress bar on standard error for each kind of step, where somebody looks."""

    def __init__(self) -> None:
        self._is_seen = sys.stderr.isatty()
        self._step = ""

    def __enter__(self) -> Callable[[str, int, int], None]:
        return self._tell

    def __exit__(self, *_: object) -> None:
        if self._step and self._is_seen:
            click.echo(err=True)

    def _tell(self, step: str, done: int, total: int) -> None:
        if self._is_seen:
            filled = round(20 * done / total) if total else 0
            if self._step and step != self._step:
                click.echo(err=True)
            click.echo(f"\r{'█' * filled}{'░' * (20 - filled)} {step} {done}/{total}\033[K", nl=False, err=True)
        elif step != self._step:
            click.echo(step, err=True)
        self._step = step
