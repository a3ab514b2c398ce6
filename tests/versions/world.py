"""A folder with a small guide, and a process that keeps by it: what every test of versions begins with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from tests.console import world
from tests.measures.making import T0

from nigrani.guide import shipped
from nigrani.lib.secret import Vault
from nigrani.versions.following import Follower
from nigrani.versions.keeper import Keeper
from nigrani.versions.models import Version
from nigrani.versions.reading import Reader

ROWS = "id\tsection\trow\nK01\tKPI\tAvailability 99.9 %\n"
GUIDE = """\
guide: 1
name: The school
zone: Asia/Kolkata
people:
  lead: {title: The lead, receivers: [mail]}
receivers:
  mail: {send: webhook, title: The pager, url: "${PAGER_URL}"}
"""
RULES = """\
measures:
  failed:
    means: Answers that were wrong.
    unit: count
    combine: sum
    sql: |
      SELECT toStartOfMinute(at) AS minute, countIf(outcome = 'fail') AS num, count() AS n
      FROM probes WHERE source = 'website' AND at >= {start:DateTime64(3)} AND at < {end:DateTime64(3)}
      GROUP BY minute
alerts:
  failing:
    title: Failing
    means: Answers are wrong.
    urgency: high
    when: {measure: failed, over: 5m, above: 3}
    owner: lead
    action: Look.
    starts: live
    examples:
      - {readings: "0*5 9*5", each: 1m, expect: firing at 5m}
"""
SECOND = timedelta(seconds=1)


@dataclass
class Process:
    """A process of Nigrani on a folder of its own: its looks are two seconds apart."""

    root: Path
    folder: Path = field(init=False)
    now: datetime = T0
    syncs: bool = True
    chosen: Callable[[], Path] | None = None

    def __post_init__(self) -> None:
        self.folder = self.root / "guide"
        self.secrets = self.root / "secrets"
        self.secrets.mkdir(parents=True, exist_ok=True)
        self.restart()

    def restart(self) -> None:
        """Begin anew, as another process would."""
        self.follower = Follower(
            Reader(world.vocabulary(), Vault(self.secrets)), secrets=self.secrets, syncs=self.syncs
        )
        where = self.chosen or (lambda: self.folder if self.folder.is_dir() else shipped())
        self.keeper = Keeper(self.follower, folder=where, fallback=shipped())

    def write(self, rules: str = RULES, **more: str) -> None:
        """Save the guide."""
        self.folder.mkdir(exist_ok=True)
        (self.folder / "guide.yaml").write_text(GUIDE)
        (self.folder / "rules.yaml").write_text(rules)
        (self.folder / "rows.tsv").write_text(ROWS)
        for name, text in more.items():
            (self.folder / f"{name}.yaml").write_text(text)

    def begin(self) -> None:
        self.keeper.begin(now=self.now)
        self.looks()

    def looks(self, turns: int = 3) -> int:
        """Turn a few times. Returns how many turns changed something."""
        done = 0
        for _ in range(turns):
            self.now += 2 * SECOND
            done += self.keeper.turn(now=self.now)
        return done

    def save(self, rules: str, **more: str) -> None:
        """Save and let it be seen."""
        self.write(rules, **more)
        self.looks()


def states() -> list[tuple[int, str]]:
    return list(Version.objects.order_by("number").values_list("number", "state"))


def standing() -> Version:
    return Version.objects.get(state="standing")


def newest() -> Version:
    return Version.objects.latest("number")
