"""Facts a second, end to end, beside what the engine itself takes: `python -m bench.facts [--rows N]`.

End to end: threads append rows of `probes` to the journal (each append acknowledged on disk), while a shipper sends
what waits to the embedded engine over HTTP, until the last row can be queried. The engine alone: the same rows as
ready-made JSON lines, given to chDB in its own process by its streaming insert, in batches of the same size.
Both run here, now, one after the other, on the same disk; the ratio is what our path costs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
from datetime import timedelta
from pathlib import Path

from nigrani.lib import clock
from nigrani.lib.home import Home
from nigrani.telemetry import frames, migrate, server, tables
from nigrani.telemetry.journal import Journal
from nigrani.telemetry.store import Store

THREADS, APPEND_ROWS = 4, 100

ALONE = """
import json, sys, time
import chdb
folder, lines_path, create, batch = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
connection = chdb.connect(folder)
connection.query(create)
connection.query("SET date_time_input_format = 'best_effort'")
lines = open(lines_path, "rb").read().splitlines(keepends=True)
begin = time.monotonic()
for start in range(0, len(lines), batch):
    with connection.send_insert("INSERT INTO probes", "JSONEachRow") as stream:
        stream.append(b"".join(lines[start : start + batch]))
        stream.finish()
print(json.dumps(time.monotonic() - begin))
"""


def rows(count: int) -> list[dict[str, object]]:
    """Return probe facts like those of a site with 50 probes."""
    begin = clock.now() - timedelta(minutes=30)
    return [
        {
            "at": begin + timedelta(milliseconds=index), "source": "website", "probe": f"page-{index % 50}",
            "outcome": "ok", "up": 1, "status": 200, "size_bytes": 20_000 + index % 977, "dns_ms": 0.4,
            "connect_ms": 1.5, "tls_ms": 9.1, "first_byte_ms": 80 + index % 37, "total_ms": 95 + index % 41,
        }
        for index in range(count)
    ]  # fmt: skip


def end_to_end(folder: Path, facts: list[dict[str, object]]) -> dict[str, float]:
    """Return seconds until every row was acknowledged, and until every row could be queried."""
    home = Home(folder)
    engine = server.start(home)
    store, journal, done = Store.of(home), Journal(home.journal), threading.Event()
    try:
        migrate.apply(store)
        share = len(facts) // THREADS

        def append(part: int) -> None:
            for start in range(part * share, (part + 1) * share, APPEND_ROWS):
                journal.append("probes", facts[start : start + APPEND_ROWS])

        def ship() -> None:
            while not done.wait(0.2):
                journal.ship(store)

        begin = clock.monotonic()
        threads = [threading.Thread(target=append, args=(part,)) for part in range(THREADS)]
        shipper = threading.Thread(target=ship)
        for thread in (*threads, shipper):
            thread.start()
        for thread in threads:
            thread.join()
        acknowledged = clock.monotonic() - begin
        done.set()
        shipper.join()
        journal.ship(store)
        stored = store.query("SELECT count() AS n FROM probes")[0]["n"]
        queryable = clock.monotonic() - begin
        assert stored == len(facts), f"{stored} of {len(facts)} rows arrived"
        return {"acknowledged_s": acknowledged, "queryable_s": queryable}
    finally:
        engine.terminate()
        engine.wait(10)


def alone(folder: Path, facts: list[dict[str, object]]) -> float:
    """Return the seconds chDB itself takes for the same rows, prepared beforehand."""
    lines = folder / "lines"
    lines.write_bytes(tables.lines(tables.convert(tables.TABLES["probes"], facts)))
    text = (migrate.FOLDER / "0001_facts.sql").read_text()
    [create] = [statement for statement in migrate.statements(text) if "EXISTS probes (" in statement]
    command = [sys.executable, "-c", ALONE, str(folder / "alone"), str(lines), create, str(frames.BATCH_ROWS)]
    return float(json.loads(subprocess.run(command, capture_output=True, check=True).stdout))


def main() -> None:
    """Measure both and print them as one JSON object."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=200_000)
    count = parser.parse_args().rows // (THREADS * APPEND_ROWS) * THREADS * APPEND_ROWS
    facts = rows(count)
    with tempfile.TemporaryDirectory(prefix="nigrani-bench-") as folder:
        ours = end_to_end(Path(folder) / "home", facts)
        engine_s = alone(Path(folder), facts)
    print(json.dumps({
        "rows": count,
        "acknowledged_rows_per_s": round(count / ours["acknowledged_s"]),
        "end_to_end_rows_per_s": round(count / ours["queryable_s"]),
        "engine_alone_rows_per_s": round(count / engine_s),
        "ratio": round(engine_s / ours["queryable_s"], 3),
    }, indent=2))  # fmt: skip


if __name__ == "__main__":
    main()
