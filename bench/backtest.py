"""90 days, a minute at a time: how long a backtest takes, beside reading the same rows and doing nothing with them.

Three measures with a reading every minute (129,600): a sum over 1 h, a ratio over 5 min, a p95 of 20 values a minute
over 10 min. Each lies beyond its level now and then, so that alerts come and go. The floor asks telemetry for the very
columns and lets them be. Then the p95 over an hour, where digests are merged over a longer frame. Prints seconds (the
best of three), readings a second, and processor seconds, which a busy machine does not stretch. Goal: below 2 s for the
first three.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from nigrani.lib import clock

from .series import cpu_s, own_cpu_s, platform

DAYS = 90
MINUTE = timedelta(minutes=1)
START = datetime(2026, 3, 1, tzinfo=UTC)
TURNS = 3
GOAL_S = 2.0

GUIDE = """
guide: 1
name: Bench
zone: Asia/Kolkata
people:
  lead: {title: The lead, receivers: []}
sources:
  yard: {kind: web, title: The yard, base: "http://127.0.0.1:9", stale_after: 1m, probes: {home: {path: /}}}
measures:
  failed:
    means: Failures.
    needs: [yard]
    unit: count
    combine: sum
    sql: |
      SELECT toStartOfMinute(at) AS minute, count() AS num, count() AS n
      FROM probes WHERE at >= {start:DateTime64(3)} AND at < {end:DateTime64(3)} GROUP BY minute
  share:
    means: Share of right answers.
    needs: [yard]
    unit: ratio
    combine: ratio
    sql: |
      SELECT toStartOfMinute(at) AS minute, count() AS num, count() AS den, count() AS n
      FROM probes WHERE at >= {start:DateTime64(3)} AND at < {end:DateTime64(3)} GROUP BY minute
  slow:
    means: Time to the answer.
    needs: [yard]
    unit: ms
    combine: p95
    sql: |
      SELECT toStartOfMinute(at) AS minute, count() AS n, '' AS digest
      FROM probes WHERE at >= {start:DateTime64(3)} AND at < {end:DateTime64(3)} GROUP BY minute
alerts:
  failures: {title: Failures, means: F., urgency: high, owner: lead, action: Look.,
    when: {measure: failed, over: 1h, above: 190}, hold: 2m}
  down: {title: Down, means: D., urgency: high, owner: lead, action: Look.,
    when: {measure: share, over: 5m, below: 80%}, clear: {above: 90%, hold: 2m}}
  slow: {title: Slow, means: S., urgency: high, owner: lead, action: Look.,
    when: {measure: slow, over: 10m, above: 1s}, hold: 5m}
  slow-hour: {title: Slow, means: S., urgency: high, owner: lead, action: Look.,
    when: {measure: slow, over: 1h, above: 1s}}
"""

# A calm signal that is worse for twenty minutes of every day, and a little noise.
FILL = """INSERT INTO readings (measure, sql_hash, labels, labels_key, minute, num, den, n, digest, computed_at)
SELECT '{measure}', '{mark}', map(), '', toDateTime({first} + place * 60, 'UTC'), {num}, {den}, 20, {digest}, now64(3)
FROM (SELECT {start} + number AS place, place % 1440 < 20 AS is_bad FROM numbers({count}))"""
DIGESTS = """INSERT INTO readings (measure, sql_hash, labels, labels_key, minute, num, den, n, digest, computed_at)
SELECT '{measure}', '{mark}', map(), '', toDateTime({first} + place * 60, 'UTC'), 0, 0, 20,
    hex(quantilesTDigestState(0.5, 0.95, 0.99)(ms)), now64(3)
FROM (SELECT {start} + intDiv(number, 20) AS place,
    rand(number) % 900 + if(place % 1440 < 20, 600, 0) + 1. AS ms FROM numbers({count} * 20)) GROUP BY place"""
SIGNS = """INSERT INTO gauges (at, received_at, id, source, name, labels, value)
SELECT fromUnixTimestamp64Milli(({first} + number * 15) * 1000, 'UTC') AS at, at, toString(number), 'nigrani', '{name}',
    map('source', 'yard'), 3 FROM numbers({start}, {count})"""
FLOOR = """SELECT groupArray(minute), groupArray(num), groupArray(den), groupArray(n), groupArray(digest) FROM (
    SELECT minute, num, den, n, digest FROM readings FINAL WHERE measure = {measure:String} AND n > 0
    AND minute >= {start:DateTime} AND minute < {end:DateTime})"""


def fill(store: Any, guide: Any) -> None:
    """Keep a reading of every minute, and that we watched."""
    from nigrani.measures.rows import sql_hash

    first = int(START.timestamp())
    minutes, chunk = DAYS * 1440, 4320
    for start in range(0, minutes, chunk):
        known = {"first": first, "start": start, "count": chunk}
        for measure, num, den in (
            ("failed", "place % 7 + is_bad * 9", "0"),
            ("share", "20 - place % 2 - is_bad * 9", "20"),
        ):
            mark = sql_hash(guide.measures[measure])
            store.command(FILL.format(**known, measure=measure, mark=mark, num=num, den=den, digest="''"))
        store.command(DIGESTS.format(**known, measure="slow", mark=sql_hash(guide.measures["slow"])))
        for name in ("nigrani.journal.backlog_rows", "nigrani.source.age_s"):
            store.command(SIGNS.format(first=first, name=name, start=start * 4, count=chunk * 4))


def best(question: Any, telemetry: int) -> tuple[float, float, Any]:
    """Return the least seconds of some turns, by the clock and of processors (ours and the engine's), and what the
    last one found."""
    spent, busy, found = [], [], None
    for _ in range(TURNS):
        began, used = clock.monotonic(), own_cpu_s() + cpu_s(telemetry)
        found = question()
        spent.append(clock.monotonic() - began)
        busy.append(own_cpu_s() + cpu_s(telemetry) - used)
    return min(spent), min(busy), found


def main() -> int:
    """Print seconds and readings a second of each; 1 when one of the three is over the goal."""
    with platform() as pids:
        from nigrani import guide as guides
        from nigrani.alerts import backtest
        from nigrani.lib.secret import Vault
        from nigrani.measures.models import Watermark
        from nigrani.measures.rows import sql_hash
        from nigrani.schedule import vocabulary
        from nigrani.telemetry import store

        folder = Path(tempfile.mkdtemp(prefix="nigrani-backtest-guide-"))
        (folder / "guide.yaml").write_text(GUIDE)
        guide = guides.load(folder, vocabulary=vocabulary(), vault=Vault(folder / "secrets"))
        shutil.rmtree(folder)
        fill(store, guide)
        for measure in guide.measures.values():
            past = START - timedelta(days=2)
            Watermark.objects.create(
                measure=measure.name, sql_hash=sql_hash(measure), received_to=past, filled_from=past
            )
        end = START + timedelta(days=DAYS)
        slowest = 0.0
        for name, rule in guide.alerts.items():
            asked = {"measure": rule.when.measure, "start": START, "end": end}
            engine = pids["telemetry"]
            floor_s, floor_cpu, _ = best(lambda asked=asked: store.query(FLOOR, asked), engine)
            took_s, took_cpu, found = best(lambda rule=rule: backtest.run(guide, rule, START, end), engine)
            if name != "slow-hour":
                slowest = max(slowest, took_s)
            print(
                f"{name}: {took_s:.2f} s, {DAYS * 1440 / took_s:,.0f} readings/s, {took_s / floor_s:.1f} times the "
                f"floor of {floor_s:.2f} s; processors {took_cpu:.2f} s, {floor_cpu:.2f} s the floor; fired "
                f"{found.count} times, judged {found.judged:.1%}",
                flush=True,
            )
    print(f"the slowest of the first three: {slowest:.2f} s (goal: below {GOAL_S:.0f} s)")
    return 0 if slowest < GOAL_S else 1


if __name__ == "__main__":
    sys.exit(main())
