"""Run the long numbers: `python -m bench.soak --only kills,healthy --kills 100 --minutes 30 --seed 7 --json`."""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from nigrani.lib import clock

from . import healthy, kills, postgres, report, stories, year
from .report import Result


@dataclass(frozen=True)
class Wanted:
    """What to run and how long."""

    parts: tuple[str, ...]
    kills: int
    minutes: float
    days: int
    seed: int
    as_json: bool


PARTS: Mapping[str, Callable[[Wanted], Result]] = {
    "kills": lambda wanted: kills.run(wanted.kills, seed=wanted.seed, say=say),
    "healthy": lambda wanted: healthy.run(wanted.minutes, say=say),
    "year": lambda wanted: year.run(wanted.days, seed=wanted.seed, say=say),
    "stories": lambda _: stories.run(say=say),
    "postgres15": lambda _: postgres.run("postgres15", say=say),
    "postgres16": lambda _: postgres.run("postgres16", say=say),
}

_BEGAN = clock.monotonic()  # the clock itself is set in a simulated year


def say(line: str) -> None:
    """Tell whoever watches how far it is."""
    print(f"{clock.monotonic() - _BEGAN:7.0f} s  {line}", file=sys.stderr, flush=True)


def read(words: Sequence[str]) -> Wanted:
    """Read the command line; says what is wrong and exits with 2 if something is."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--only", default=",".join(PARTS), help=f"some of {','.join(PARTS)}")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=30, help="of the healthy run")
    parser.add_argument("--days", type=int, default=365, help="of the simulated year")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--json", action="store_true", help="print the results as JSON, too")
    told = parser.parse_args(words)
    parts = tuple(filter(None, told.only.split(",")))
    if unknown := [name for name in parts if name not in PARTS]:
        parser.error(f"there is no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    return Wanted(parts, told.kills, told.minutes, told.days, told.seed, told.json)


def run(name: str, wanted: Wanted) -> Result:
    """Run one part. What breaks it off is a failure of that part and stops no other."""
    say(f"{name} begins")
    began = clock.monotonic()
    try:
        result = PARTS[name](wanted)
    except Exception as error:  # whatever it is, it goes into the report
        traceback.print_exc()
        result = Result(name, "", {}, (f"broke off: {type(error).__name__}: {error}",))
    result = replace(result, took_s=clock.monotonic() - began)
    say(f"{name} ends with {len(result.failures)} failures: {dict(result.counts)}")
    for failure in result.failures:
        say(f"  FAILED {failure}")
    return result


def main(words: Sequence[str] | None = None) -> int:
    """Run what is asked for, write docs/soak.md, return 1 if an invariant failed."""
    wanted = read(sys.argv[1:] if words is None else words)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    say(f"seed {wanted.seed}")
    results = []
    for name in wanted.parts:
        results.append(run(name, wanted))
        report.write(results[-1:])
    ok = not any(each.failures for each in results)
    if wanted.as_json:
        print(json.dumps({"ok": ok, "seed": wanted.seed, "parts": [asdict(each) for each in results]}))
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
