"""The steps of an upgrade, and of going back. Each leaves the home as it was, or says what stands.

Who calls these holds the home's locks and has both stores running.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from nigrani import __version__
from nigrani.lib import clock
from nigrani.lib.errors import GuideError, NigraniError
from nigrani.lib.home import Home
from nigrani.telemetry import migrate as tables

from . import clients, saved, state, stores
from .saved import Saved
from .state import Tell

log = logging.getLogger(__name__)

_SPARE_BYTES = 64 * 2**20
# Kept by Django itself: what is known of our own classes, and who is signed in.
_NOT_COUNTED = ("django_", "auth_")


@dataclass(frozen=True)
class Plan:
    """What an upgrade would do. need_bytes: the most it writes to the home's disk; free_bytes: what is free there."""

    state: tuple[str, ...]
    telemetry: tuple[str, ...]
    need_bytes: int
    free_bytes: int

    @property
    def is_needed(self) -> bool:
        """Whether anything is pending."""
        return bool(self.state or self.telemetry)


def plan(home: Home) -> Plan:
    """Say what is pending, and what it takes. Raises NigraniError for a database that is not ours, or is newer."""
    found = state.look()
    refuse_strange(found)
    _, pending = tables.standing()
    is_own = not clients.is_elsewhere()
    need = state.size_bytes() * (2 if is_own else 1) + _SPARE_BYTES
    return Plan(found.pending, tuple(pending), need, stores.free_bytes(home.path))


def refuse_strange(found: state.Look) -> None:
    """Raise NigraniError for a database that no upgrade can start from."""
    if found.is_empty:
        raise NigraniError("The state database is empty.", "There is nothing to upgrade: start it with nigrani up")
    if found.unknown:
        raise NigraniError(
            f"This state was made by a newer version: it knows {', '.join(found.unknown[:3])}, this one "
            f"({__version__}) does not.",
            "Install that version again, or go back with it: nigrani upgrade --rollback",
        )
    if "access.0001_initial" not in found.applied:
        raise NigraniError(
            "The state database holds tables, and they are not Nigrani's.", "Give NIGRANI_DATABASE_URL one of its own."
        )


def forward(home: Home, tell: Tell) -> Saved | None:
    """Save, migrate both stores, check. Returns what was saved, None when nothing was pending.

    Raises NigraniError: before anything is changed when it can't be done; afterwards with the state put back.
    """
    wanted = plan(home)
    if not wanted.is_needed:
        return None
    stores.refuse_company(state.others())
    if wanted.free_bytes < wanted.need_bytes:
        raise NigraniError(
            f"The upgrade may need {_megabytes(wanted.need_bytes)} on the disk of {home.path}, and "
            f"{_megabytes(wanted.free_bytes)} are free.",
            "Free some space, then try again. Nothing was changed.",
        )
    check_guide(home)
    kept = save(home, tell)
    try:
        kept = saved.turn(home, kept, "migrating")
        state.migrate(wanted.state, tell)
        tell("Migrating telemetry", 0, len(wanted.telemetry))
        tables.run()
        kept = saved.turn(home, kept, "checking")
        tell("Checking", 0, 1)
        check(home, kept)
    except Exception as error:  # whatever went wrong, the way is back
        back(home, kept, tell)
        raise NigraniError(
            f"The upgrade failed and the state is as before: {str(error).strip()}",
            "Install the version before, and tell its makers. Nothing was lost.",
        ) from error
    kept = saved.turn(home, kept, "done")
    saved.prune(home)
    log.info("Upgraded to %s.", __version__, extra={"action": "node.upgraded", "saved": kept.name})
    return kept


def save(home: Home, tell: Tell) -> Saved:
    """Save the state, and what has been seen of telemetry, whose migrations only ever add."""
    found, rows = state.look(), state.counts()
    programs = clients.find()
    made_at = clock.now()
    name = saved.begin(home, made_at)
    path = saved.dump(home, name)
    tell("Saving the state", 0, len(rows))
    state.save(programs, path, len(rows), tell)
    seen, _ = tables.standing()
    return saved.write(
        home,
        Saved(
            name=name, made_at=made_at, version=__version__, phase="saved", state=list(found.applied), telemetry=seen,
            counts=rows, digest=saved.digest(path), size_bytes=path.stat().st_size,
        ),
    )  # fmt: skip


def check(home: Home, kept: Saved) -> None:
    """Raise NigraniError when the upgraded home lost a row or does not run its guide."""
    after = state.counts()
    lost = [
        f"{table} has {after.get(table, 0)} rows of {before}"
        for table, before in kept.counts.items()
        if not table.startswith(_NOT_COUNTED) and after.get(table, before) < before
    ]
    if lost:
        raise NigraniError(f"Rows are missing: {'; '.join(lost)}.")
    left = state.look().pending
    if left:
        raise NigraniError(f"Not everything was applied: {', '.join(left)}.")
    check_guide(home)


def check_guide(home: Home) -> None:
    """Raise NigraniError when this version can run neither the guide in its folder nor the one that ran last.

    An example that does not hold stops no start, and so no upgrade; it is written to the log.
    """
    from nigrani import schedule

    try:
        schedule.load_guide(home)
    except GuideError as error:
        if not _ran_before(home):
            raise NigraniError(f"This version does not take the guide. {error.message}", error.hint) from error
        return
    try:
        schedule.check(home)
    except GuideError as error:
        log.warning("Examples do not hold: %s", error.hint, extra={"action": "node.examples_do_not_hold"})


def _ran_before(home: Home) -> bool:
    from nigrani import schedule
    from nigrani.versions import queries as versions

    if "versions_version" not in state.counts():
        return False
    try:
        return versions.running(schedule.reader(home)) is not None
    except GuideError:
        return False


def back(home: Home, kept: Saved, tell: Tell) -> Saved:
    """Put the saved state back, and see that it is. Telemetry keeps what was added: an older version leaves it alone.

    Raises NigraniError; then nothing was put back and the saving stays unfinished, so that the next start tries again.
    """
    path = saved.check(home, kept)
    programs = clients.find()
    kept = saved.turn(home, kept, "rolling_back")
    tell("Going back", 0, len(kept.counts))
    state.restore(programs, path, len(kept.counts), tell)
    after = state.counts()
    if after != kept.counts:
        wrong = sorted(
            table for table in kept.counts.keys() | after.keys() if after.get(table) != kept.counts.get(table)
        )
        raise NigraniError(f"The state that was put back differs from what was saved in: {', '.join(wrong)}.")
    log.info("Went back to the state of %s.", kept.name, extra={"action": "node.rolled_back", "saved": kept.name})
    return saved.turn(home, kept, "rolled_back")


def repair(home: Home, tell: Tell) -> Saved | None:
    """Go back from an upgrade that was killed. Returns what it went back to, None when there was none."""
    kept = saved.unfinished(home)
    if kept is None:
        return None
    if kept.phase == "saved":
        return saved.turn(home, kept, "rolled_back")  # nothing had been changed
    return back(home, kept, tell)


def _megabytes(size: int) -> str:
    return f"{size / 2**20:,.0f} MB"
