"""What a part found, and docs/soak.md: one row a part, each with the date and the machine it was measured on."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import nigrani
from nigrani.lib import clock, units

PATH = Path(__file__).parents[2] / "docs" / "soak.md"
PARTS = ("kills", "healthy", "year", "stories", "postgres15", "postgres16")
_COLUMNS = ("part", "date", "versions", "machine", "took", "counts", "failures found")
_SHOWN = 5  # failures a row names; the rest are counted
_LONGEST = 300
_HEAD = """\
# The long numbers

Written by `make soak`; no line here is typed by hand. A run replaces the rows of the parts that it ran, so each row
carries its own date and size. The sizes that count are the defaults: 100 kills, 30 minutes, 365 days.

- **kills**: one installation, its rules asked each second. While the school's website is broken and mended, a random
  process is killed with SIGKILL at a random moment. After each episode it is checked from outside: one message for the
  beginning and one for the end (a second copy says that it may be one), no stray process, a whole ledger, no probe
  fact lost or doubled, an empty journal.
- **healthy**: the shipped guide as it ships, a school with visitors, nothing broken. Nobody is told anything, every
  rule is evaluated all the time, and no loop is late.
- **year**: a year of minutes for every rule of the shipped guide. The readings are made up and seeded, the judge and
  the state machine are the real ones, and the clock is set. Every planted incident is told once and ends; nothing else
  is told.
- **stories**: every story of the demo, each cold. It comes true; and it fails, as it must, where nothing is broken
  and where nobody watches.
- **postgres15**, **postgres16**: the tests of the rooms with rows, on a PostgreSQL 15 and a 16 with a role that is no
  superuser. The suite itself runs on the 18 that we bring.

"""


@dataclass(frozen=True)
class Result:
    """What one part did. versions: of the stores it ran on. counts: in the order they are shown."""

    part: str
    versions: str
    counts: Mapping[str, int | float | str]
    failures: tuple[str, ...]
    took_s: float = 0.0


def write(results: Iterable[Result], path: Path = PATH) -> None:
    """Write the page: fresh rows for these parts, and the rows of others as they stand there."""
    rows = parse(path.read_text()) if path.exists() else {}
    rows |= {each.part: row(each) for each in results}
    path.write_text(page(rows))


def page(rows: Mapping[str, str]) -> str:
    """Return the page with these rows, in the parts' own order."""
    head = f"| {' | '.join(_COLUMNS)} |\n|{'---|' * len(_COLUMNS)}\n"
    return _HEAD + head + "".join(f"{rows[part]}\n" for part in PARTS if part in rows)


def parse(text: str) -> dict[str, str]:
    """Return the rows of a page, by part."""
    table = [line for line in text.splitlines() if line.startswith("| ")][1:]
    return {line.split("|")[1].strip(): line for line in table}


def row(result: Result) -> str:
    """Return a part's row, dated now."""
    counts = ", ".join(f"{name} {_number(value)}" for name, value in result.counts.items())
    cells = (
        result.part,
        f"{clock.now():%Y-%m-%d %H:%M} UTC",
        ", ".join(filter(None, (_ours(), f"Python {platform.python_version()}", result.versions))),
        _machine(),
        units.show_duration(result.took_s),
        counts,
        _told(result.failures),
    )
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def clean(text: str) -> str:
    """Return a failure as one short line without the paths of this machine."""
    line = re.sub(r"(?<![\w:/.])/(?:[^\s/'\"]+/)+[^\s'\",)]*", "(a path)", " ".join(text.split()))
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} …"


def _told(failures: tuple[str, ...]) -> str:
    if not failures:
        return "none"
    more = f"; and {len(failures) - _SHOWN} more" if len(failures) > _SHOWN else ""
    return f"{len(failures)}: {'; '.join(map(clean, failures[:_SHOWN]))}{more}"


def _number(value: float | str) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}" if isinstance(value, float) else value


def _ours() -> str:
    def git(*words: str) -> str:
        told = subprocess.run(["git", *words], cwd=PATH.parent, capture_output=True, text=True, check=False)
        return told.stdout.strip()

    commit = git("rev-parse", "--short", "HEAD")
    changed = " and changes" if git("status", "--porcelain", "--", "../src", "../guide") else ""
    return f"Nigrani {nigrani.__version__}{f' ({commit}{changed})' if commit else ''}"


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GB, {platform.system()} {platform.machine()}"
