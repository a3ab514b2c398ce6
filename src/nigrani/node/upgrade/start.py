"""What a starting process does about its stores: make them, find them right, upgrade them while that is safe."""

from __future__ import annotations

import logging

from nigrani.lib.errors import NigraniError
from nigrani.lib.home import Home
from nigrani.lib.units import show_size
from nigrani.telemetry import migrate as tables

from . import saved, state, work

log = logging.getLogger(__name__)

SAFE_BYTES = 2**30
"""Up to this size a state is upgraded unasked: saving it takes seconds. A larger one is a person's choice."""


def make_state() -> None:
    """Make the schema in an empty PostgreSQL, and leave one of this version alone. Raises NigraniError otherwise."""
    with state.locked():
        found = state.look()
        if not found.is_empty:
            work.refuse_strange(found)
            if found.pending:
                raise _wants_upgrade(found, "It is not done here")
            return
        state.migrate(found.pending, _log)


def make_ready(home: Home, *, may_upgrade: bool) -> None:
    """Have both stores at this version's schema when this returns.

    may_upgrade: nobody else uses the home, so an older state may be saved and brought forward, and one that a killed
    upgrade left may be put back. Raises NigraniError when a person must decide.
    """
    with state.locked():
        found = state.look()
        if found.is_empty:
            state.migrate(found.pending, _log)
            tables.run()
            return
        left = saved.unfinished(home)
        if left is not None:
            if not may_upgrade:
                raise NigraniError(f"An upgrade was killed when it {left.said}.", "Mend it with: nigrani upgrade")
            log.warning("An upgrade was killed when it %s.", left.said, extra={"action": "node.upgrade_left"})
            work.repair(home, _log)
            found = state.look()
        work.refuse_strange(found)
        if found.pending:
            if not may_upgrade:
                raise _wants_upgrade(found, "A console or worker apart never does it by itself")
            if (size := state.size_bytes()) > SAFE_BYTES:
                raise _wants_upgrade(found, f"The state takes {show_size(size)}, too much to do it unasked")
            if state.others():
                raise _wants_upgrade(found, "Other processes of Nigrani use the same state")
            work.forward(home, _log)
        else:
            tables.run()


def _wants_upgrade(found: state.Look, why: str) -> NigraniError:
    count = len(found.pending)
    return NigraniError(
        f"The state is of an older version: {count} change{'s' if count != 1 else ''} pending. {why}.",
        "Stop Nigrani everywhere, then run: nigrani upgrade",
    )


def _log(step: str, done: int, total: int) -> None:
    if not done:
        log.info("%s.", step, extra={"action": "node.upgrading", "steps": total})
