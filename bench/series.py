"""1,000 series: the share of a core that they cost, with everybody's work in it.

One probe fact a second for each of 1,000 label sets is 60,000 facts a minute. A full pass computes the readings of two
measures, merges two windows, judges 2,000 alerts (200 of which change every other minute) and decides their messages.
First one full pass a minute; then a pass every 2 s while facts come, as the loop does it. CPU is counted in this
process, the telemetry engine and PostgreSQL, without the insert of the facts. The floor is a pass with nothing new.
Goal: below 10 % of a core.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

SERIES = int(os.environ.get("SERIES", "1000"))
MINUTES = int(os.environ.get("MINUTES", "10"))
GOAL = 0.10
START = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

GUIDE = """
guide: 1
name: Bench
zone: Asia/Kolkata
people:
  lead: {title: The lead, receivers: []}
sources:
  yard: {kind: web, title: The yard, base: "http://127.0.0.1:9", stale_after: 1h, probes: {home: {path: /}}}
measures:
  answered:
    means: Share of answers that are right.
    needs: [yard]
    unit: ratio
    combine: ratio
    by: [probe]
    sql: |
      SELECT toStartOfMinute(at) AS minute, probe, countIf(outcome = 'ok') AS num, count() AS den, count() AS n
      FROM probes FINAL WHERE source = 'yard' AND at >= {start:DateTime64(3)} AND at < {end:DateTime64(3)}
      GROUP BY minute, probe
  slow:
    means: Time to the whole answer.
    needs: [yard]
    unit: ms
    combine: p95
    by: [probe]
    sql: |
      SELECT toStartOfMinute(at) AS minute, probe, count() AS n,
        hex(quantilesTDigestState(0.5, 0.95, 0.99)(assumeNotNull(total_ms))) AS digest
      FROM probes FINAL WHERE source = 'yard' AND at >= {start:DateTime64(3)} AND at < {end:DateTime64(3)}
      GROUP BY minute, probe
alerts:
  down: {title: Down, means: It is down., urgency: high, when: {measure: answered, over: 5m, below: 90%},
    clear: {above: 95%, hold: 2m}, owner: lead, action: Look., starts: live}
  slow: {title: Slow, means: It is slow., urgency: medium, when: {measure: slow, over: 10m, above: 400ms},
    hold: 2m, owner: lead, action: Look., starts: live}
"""


@contextmanager
def platform() -> Iterator[dict[str, int]]:
    """Start both engines on an empty home and yield their pids by name."""
    folder = Path(tempfile.mkdtemp(prefix="nigrani-series-"))
    folder.chmod(0o711)  # as root, PostgreSQL's user must pass
    for name in [name for name in os.environ if name.startswith("NIGRANI_")]:
        del os.environ[name]
    os.environ["NIGRANI_HOME"] = str(folder)
    from nigrani.lib.home import Home
    from nigrani.node import app, postgres
    from nigrani.telemetry import server

    home = Home(folder)
    home.ensure()
    app.set_up(home)
    database = postgres.start(home)
    engine = server.start(home)
    try:
        app.migrate()
        yield {"postgresql": database.pid, "telemetry": engine.pid}
    finally:
        _stop(engine, signal.SIGTERM)
        _stop(database, signal.SIGINT)
        shutil.rmtree(folder, ignore_errors=True)


def _stop(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    process.send_signal(how)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process and of everything it started, ended or not."""
    total = 0.0
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and _descends(int(folder.name), pid):
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            total += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return total


def _descends(pid: int, ancestor: int) -> bool:
    while pid > 1:
        if pid == ancestor:
            return True
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
    return False


def own_cpu_s() -> float:
    """Return the CPU seconds of this process alone."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def facts(minute: int) -> list[dict[str, Any]]:
    """Return one minute of facts: a tenth of the label sets fails for some minutes, another tenth each time."""
    begin, rows = START + minute * MINUTE, []
    for series in range(SERIES):
        is_bad = series % 10 == minute // 2 % 10
        for second in range(60):
            at = begin + timedelta(seconds=second)
            rows.append(
                {
                    "at": at, "received_at": at, "id": f"{minute}.{series}.{second}", "source": "yard",
                    "probe": f"p{series}", "outcome": "fail" if is_bad and second % 2 else "ok",
                    "total_ms": 100.0 + series % 7 * second,
                }
            )  # fmt: skip
    return rows


def main() -> int:
    """Print what each part costs and the share of a core; 1 if it is over the goal."""
    with platform() as pids:
        from nigrani import guide as guides
        from nigrani.alerts import actions as alerts
        from nigrani.alerts.models import Transition
        from nigrani.measures import promises, readings
        from nigrani.schedule import vocabulary
        from nigrani.sources.models import Source
        from nigrani.telemetry import store

        folder = Path(tempfile.mkdtemp(prefix="nigrani-series-guide-"))
        (folder / "guide.yaml").write_text(GUIDE)
        guide = guides.load(folder, vocabulary=vocabulary(), vault=_vault(folder))
        shutil.rmtree(folder)
        Source.objects.create(name="yard", kind="web", created_at=START, last_ok_at=START + timedelta(hours=1))

        def turn(now: datetime) -> dict[str, float]:
            before = {name: cpu_s(pid) for name, pid in pids.items()} | {"ours": own_cpu_s()}
            readings.compute(guide, now=now)
            alerts.evaluate(guide, now=now)
            alerts.dispatch(guide, now=now)
            promises.evaluate(guide, now=now)
            after = {name: cpu_s(pid) for name, pid in pids.items()} | {"ours": own_cpu_s()}
            return {name: after[name] - before[name] for name in after}

        def mean(turns: list[dict[str, float]]) -> dict[str, float]:
            return {name: sum(each[name] for each in turns) / len(turns) for name in turns[0]}

        turn(START)
        full, idle = [], []
        for minute in range(MINUTES):
            store.insert("probes", facts(minute))
            now = START + (minute + 1) * MINUTE
            full.append(turn(now - timedelta(seconds=1)))
            idle += [turn(now - timedelta(milliseconds=900 - 100 * number)) for number in range(5)]
        changed = Transition.objects.count()
        busy = []
        for minute in range(MINUTES, MINUTES + 2):
            slices = facts(minute)
            for second in range(0, 60, 2):
                now = START + minute * MINUTE + timedelta(seconds=second + 2)
                store.insert("probes", [row for row in slices if now - timedelta(seconds=2) <= row["at"] < now])
                busy.append(turn(now))
        expected = len(store.query("SELECT DISTINCT labels_key FROM readings WHERE measure = 'answered'"))
    passes, nothing = mean(full[1:]), mean(idle[5:])
    print(f"{expected:,} label sets, {SERIES * 60:,} facts a minute, {changed:,} changes in {MINUTES} minutes")
    for word, costs in (("a full pass", passes), ("a pass with nothing new", nothing)):
        parts = ", ".join(f"{name} {cost:.3f}" for name, cost in costs.items())
        print(f"{word}: {sum(costs.values()):.3f} s CPU ({parts})")
    share, steady = sum(passes.values()) / 60, sum(mean(busy).values()) / 2
    floor = sum(nothing.values()) / 2
    print(f"one full pass a minute: {share:.2%} of a core")
    print(f"a pass every 2 s while facts come: {steady:.2%}, {steady / max(floor, 0.0001):.1f} times the floor")
    print(f"the floor, a pass every 2 s with nothing new: {floor:.2%} (goal for each: below {GOAL:.0%})")
    return 0 if max(share, steady) < GOAL and expected == SERIES else 1


def _vault(folder: Path) -> Any:
    from nigrani.lib.secret import Vault

    return Vault(folder / "secrets")


if __name__ == "__main__":
    sys.exit(main())
