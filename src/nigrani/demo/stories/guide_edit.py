"""The guide is edited while an alert fires: nothing is lost, nothing broken runs, and what would wake waits."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from nigrani import guide as guides
from nigrani.demo import telling
from nigrani.demo.eyes import Eyes
from nigrani.demo.stage import Stage
from nigrani.lib import clock

if TYPE_CHECKING:  # Django is not ready when this is read
    from nigrani.versions.queries import VersionView

SHOWS = "The guide is edited while an alert fires: nothing is lost, nothing broken runs, what would wake waits."

TAKEN_S = 120.0  # two looks of 2 s each, a reading, a pass; and a machine that is busy with other things
QUIET_S = 20.0  # ten passes
NEW = """
alerts:
  watchman-turns:
    title: The watchman turns
    means: A rule of this story, which holds as soon as it runs.
    urgency: high
    when: {measure: loop_lag, over: 2m, above: 0s}
    owner: devops-lead
    action: Nothing.
    starts: live
"""


def play(stage: Stage, eyes: Eyes, inject: bool) -> bool:
    """System Down fires; its level is raised, a broken save is told, a change that would fire waits for its yes."""
    calm = telling.settled(stage, eyes)
    telling.break_(stage, inject, "web_down")
    told = telling.told(stage, "told", "System Down")
    if not (calm and told and inject):
        return False
    edited = _own_guide(stage) and _raise_the_level(stage)
    refused = _break_the_save(stage)
    waits = _change_what_would_fire(stage)
    kept = _still_one_message(stage)
    return bool(edited and refused and waits and kept)


def _own_guide(stage: Stage) -> bool:
    """Copy the guide that ships into the home: the same text, so that nothing changes."""
    shutil.copytree(guides.shipped(), stage.home.guide)
    stage.happened("edited", f"the guide now stands in {stage.home.guide}")
    return True


def _raise_the_level(stage: Stage) -> bool:
    """Change the level of the very rule that fires. It goes on firing, and nobody is told again."""
    path = stage.home.guide / "website.yaml"
    head, name, rest = path.read_text().partition("  system-down:\n    title: System Down\n")
    rule, end, others = rest.partition("    owner:")
    path.write_text(head + name + rule.replace("95%", "96%") + end + others)
    number = stage.wait(lambda: _standing_after(1), timeout_s=TAKEN_S)
    stage.happened("the edit runs" if number else "the edit does not run", f"version {number}" if number else "")
    return "95%" in rule and bool(number)


def _break_the_save(stage: Stage) -> bool:
    """Save half a file. The last good guide goes on, and the owner hears that the folder can't be read."""
    path = stage.home.guide / "database.yaml"
    whole, before = path.read_text(), _standing_after(0)
    path.write_text(whole[: len(whole) // 2] + "\n  - {half: a")
    stage.happened("broken save", path.name)
    heard = telling.told(stage, "told of the mistake", "The guide can't be read", timeout_s=2 * telling.MESSAGE_S)
    stays = _standing_after(0) == before
    stage.happened("the guide of before runs" if stays else "another guide runs", f"version {before}")
    path.write_text(whole)
    return heard and stays


def _change_what_would_fire(stage: Stage) -> bool:
    """Add a live rule whose condition holds now. It waits, sends nothing, and sends once it is confirmed."""
    (stage.home.guide / "story.yaml").write_text(NEW)
    waiting = stage.wait(_waiting, timeout_s=TAKEN_S)
    if not waiting:
        stage.happened("nothing waits")
        return False
    stage.happened("a change waits", f"version {waiting.number}: {waiting.reasons[0].says}")
    stage.wait(lambda: False, timeout_s=QUIET_S)
    silent = telling.not_told(stage, "The watchman turns")
    confirmed = _confirm(stage, waiting.number)
    return silent and confirmed and telling.told(stage, "told what had waited", "The watchman turns", timeout_s=TAKEN_S)


def _confirm(stage: Stage, number: int) -> bool:
    """Confirm by the command line, as a person would."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("NIGRANI_")}
    done = subprocess.run(
        [sys.executable, "-m", "nigrani.cli", "guide", "confirm", str(number), "--by", "the story"],
        env=environ | {"NIGRANI_HOME": str(stage.home.path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    said = (done.stdout + done.stderr).strip().splitlines()
    stage.happened("confirmed" if done.returncode == 0 else "not confirmed", said[-1] if said else "")
    return done.returncode == 0


def _still_one_message(stage: Stage) -> bool:
    """Whether System Down was told once in all this, and nobody was told that it is over."""
    told = [said for said in stage.messages() if "System Down" in said]
    stage.happened("one message of System Down" if len(told) == 1 else "its state was lost", "; ".join(told))
    return len(told) == 1


def _standing_after(number: int) -> int:
    """Return the number of the version that stands, 0 unless it is above `number`."""
    from nigrani.versions import queries

    stands = queries.standing()
    return stands.number if stands is not None and stands.number > number else 0


def _waiting() -> VersionView | None:
    from nigrani.versions import queries

    return queries.pending(now=clock.now()).waiting
