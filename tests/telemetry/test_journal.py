"""What was acknowledged reaches the store once, whatever dies in between."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.telemetry.rows import AT, Broken, names, only, probe

from nigrani.lib import clock
from nigrani.lib.errors import NigraniError, Refused, Unreachable, Unreadable
from nigrani.telemetry import frames, journal, store
from nigrani.telemetry.journal import Backlog, Full, Journal

APPENDER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from nigrani.telemetry.journal import Journal
journal = Journal(Path(sys.argv[1]))
at = datetime(2026, 1, 2, tzinfo=UTC)
for number in range(int(sys.argv[2])):
    journal.append("probes", [{"at": at, "source": "s", "probe": f"{number:06d}", "outcome": "ok"}])
    print(number, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def kept(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal")


def test_rows_are_acknowledged_then_shipped(kept: Journal, telemetry: str) -> None:
    received = datetime(2026, 1, 2, 3, 5, tzinfo=UTC)
    with clock.standing_at(received):
        kept.append("probes", [probe("login", id="own", total_ms=12.5), probe("home")])
    assert kept.backlog().rows == 2
    assert kept.backlog().oldest_at == received
    assert kept.ship(store) == 2
    assert kept.backlog() == Backlog(0, 0, None)
    row = only(store.query("SELECT * FROM probes WHERE probe = 'login'"))
    assert (row["at"], row["received_at"], row["id"], row["total_ms"]) == (AT, received, "own", 12.5)
    assert only(store.query("SELECT uniq(id) AS ids, min(length(id)) AS shortest FROM probes")) == {
        "ids": 2,
        "shortest": 3,
    }


def test_a_batch_whose_answer_was_lost_is_stored_once(kept: Journal, telemetry: str) -> None:
    kept.append("probes", [probe("a"), probe("b")])
    kept.append("gauges", [{"at": AT, "source": "s", "name": "disk", "value": 1, "labels": {"of": "/"}}])
    flaky = Broken(["silent", "away", "stored", "silent"])
    for _ in range(2):
        with pytest.raises(Unreachable):
            kept.ship(flaky)
    kept.append("probes", [probe("c")])
    with pytest.raises(Unreachable, match="The store is silent"):
        kept.ship(flaky)
    kept.ship(flaky)
    assert names() == ["a", "b", "c"]
    assert only(store.query("SELECT count() AS n, sum(value) AS v FROM gauges")) == {"n": 1, "v": 1.0}
    assert kept.backlog().rows == 0
    assert len(set(flaky.tokens)) == 3


def test_a_batch_the_store_cannot_read_is_set_aside_and_the_rest_goes_on(
    kept: Journal, telemetry: str, tmp_path: Path
) -> None:
    class Choosy:
        def insert_lines(self, table: str, lines: bytes, *, token: str | None = None) -> None:
            if table == "logs":
                raise Unreadable("The telemetry store can't read the rows: no such column.")
            store.insert_lines(table, lines, token=token)

    kept.append("logs", [{"at": AT, "source": "s", "body": "odd"}])
    kept.append("probes", [probe("a")])
    assert kept.ship(Choosy()) == 1
    assert names() == ["a"]
    assert kept.rejected() == 1
    [reason] = (tmp_path / "journal" / "rejected").glob("*.reason")
    assert "no such column" in reason.read_text()
    assert b'"body":"odd"' in reason.with_suffix(".rows").read_bytes()
    assert kept.backlog().rows == 0


def test_refused_credentials_keep_every_row(kept: Journal) -> None:
    class Strict:
        def insert_lines(self, table: str, lines: bytes, *, token: str | None = None) -> None:
            raise Refused("The telemetry store refused us: wrong password.")

    kept.append("probes", [probe("a")])
    with pytest.raises(Refused):
        kept.ship(Strict())
    assert kept.backlog().rows == 1
    assert kept.rejected() == 0


@pytest.mark.parametrize(
    ("table", "row", "said"),
    [
        ("probez", probe("a"), "There is no table 'probez'"),
        ("probes", probe("a", colour="red"), "Object contains unknown field `colour`"),
        ("probes", probe("a", total_ms="12"), "total_ms: expected `float | null`, got `str`"),
        ("probes", probe("a", total_ms=float("nan")), "total_ms: expected `float`"),
        ("probes", {"source": "s", "probe": "p", "outcome": "ok"}, "missing required field `at`"),
        ("probes", probe("a", datetime(2026, 1, 2)), "at: expected `datetime` with a timezone"),  # noqa: DTZ001
        ("probes", probe("a", datetime(1970, 1, 2, tzinfo=UTC)), "at is 1970-01-02"),
        ("probes", probe("\ud800"), "surrogates not allowed"),
        ("gauges", {"at": AT, "source": "s", "name": "n", "value": 1, "labels": {"a": 1}}, "labels"),
    ],
)
def test_a_row_that_does_not_fit_keeps_nothing(kept: Journal, table: str, row: dict[str, object], said: str) -> None:
    with pytest.raises(Unreadable) as caught:
        kept.append(table, [probe("good") if table == "probes" else row, row])
    assert said in str(caught.value)
    assert kept.backlog().rows == 0


def test_over_its_limit_the_journal_refuses_and_keeps_what_it_has(tmp_path: Path, telemetry: str) -> None:
    small = Journal(tmp_path / "journal", limit=1500)
    stored = 0

    def append_many() -> None:
        nonlocal stored
        for number in range(100):
            small.append("probes", [probe(f"{number:02d}")])
            stored += 1

    with pytest.raises(Full, match="The journal has no room"):
        append_many()
    assert small.ship(store) == stored > 2
    small.append("probes", [probe("after")])
    small.ship(store)
    assert names() == [f"{number:02d}" for number in range(stored)] + ["after"]


def test_the_limit_is_read_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGRANI_JOURNAL_LIMIT", "10 kilos")
    with pytest.raises(NigraniError, match="NIGRANI_JOURNAL_LIMIT: '10 kilos' is no size"):
        Journal(tmp_path / "journal")


def run_appender(folder: Path, rows: int, **more: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", APPENDER, str(folder), str(rows)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **more)  # type: ignore[call-overload,no-any-return]


def acknowledged(appender: subprocess.Popen[bytes], at_least: int) -> list[str]:
    assert appender.stdout
    return [f"{int(appender.stdout.readline()):06d}" for _ in range(at_least)]


def test_a_killed_process_leaves_its_rows_to_the_next(kept: Journal, telemetry: str, tmp_path: Path) -> None:
    appender = run_appender(tmp_path / "journal", 10**6)
    seen = acknowledged(appender, 50)
    assert kept.ship(store) == 0  # alive: its folder is its own
    appender.send_signal(signal.SIGKILL)
    output, _ = appender.communicate()
    seen += [f"{int(line):06d}" for line in output.splitlines()[: -1 if not output.endswith(b"\n") else None]]
    [segment] = (tmp_path / "journal").glob("*/*.seg")
    with segment.open("ab") as torn:
        torn.write(frames.MAGIC + b"torn")
    kept.ship(store)
    assert set(seen) <= set(names())
    assert len(names()) - len(seen) <= 1  # at most the row that was on disk and not yet told
    assert [path for path in (tmp_path / "journal").iterdir() if path != kept._own.folder] == []


def test_two_live_processes_share_a_home(kept: Journal, telemetry: str, tmp_path: Path) -> None:
    appender = run_appender(tmp_path / "journal", 3)
    acknowledged(appender, 3)
    kept.append("probes", [probe("ours")])
    assert kept.ship(store) == 1
    appender.communicate(b"")
    assert kept.ship(store) == 3
    assert names() == ["000000", "000001", "000002", "ours"]


def test_a_full_disk_refuses_and_loses_nothing_acknowledged(kept: Journal, telemetry: str, tmp_path: Path) -> None:
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    appender = run_appender(tmp_path / "journal", 100, stderr=subprocess.PIPE, preexec_fn=small_files)
    output, told = appender.communicate(b"")
    assert b"Full: The journal has no room: File too large" in told
    count = len(output.splitlines())
    assert 5 < count < 100
    kept.ship(store)
    assert names() == [f"{number:06d}" for number in range(count)]


def test_shipping_while_threads_append_stores_every_row_once(kept: Journal, telemetry: str) -> None:
    done = threading.Event()

    def append(of: int) -> None:
        for number in range(25):
            kept.append("probes", [probe(f"{of}-{number:02d}")])

    def ship() -> None:
        while not done.is_set():
            kept.ship(store)

    appenders = [threading.Thread(target=append, args=(of,)) for of in range(8)]
    shipper = threading.Thread(target=ship)
    for thread in (*appenders, shipper):
        thread.start()
    for thread in appenders:
        thread.join()
    done.set()
    shipper.join()
    kept.ship(store)
    assert names() == sorted(f"{of}-{number:02d}" for of in range(8) for number in range(25))


def test_what_a_dead_process_left_is_backlog_before_anything_is_shipped(kept: Journal, tmp_path: Path) -> None:
    received = datetime(2026, 1, 2, 10, tzinfo=UTC)
    with clock.standing_at(received):
        kept.append("probes", [probe("a")])
    kept.close()
    assert Journal(tmp_path / "journal").backlog().oldest_at == received


def test_a_clock_set_back_neither_loses_nor_reorders_rows(kept: Journal, telemetry: str) -> None:
    for hour, name in ((12, "a"), (9, "b"), (13, "c")):
        with clock.standing_at(datetime(2026, 1, 2, hour, tzinfo=UTC)):
            kept.append("probes", [probe(name, clock.now())])
    assert kept.backlog().oldest_at == datetime(2026, 1, 2, 9, tzinfo=UTC)
    kept.ship(store)
    assert names() == ["a", "b", "c"]


def test_a_damaged_segment_gives_up_its_whole_frames(kept: Journal, telemetry: str, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        kept.append("probes", [probe(name)])
    [segment] = (tmp_path / "journal").glob("*/*.seg")
    raw = segment.read_bytes()
    segment.write_bytes(raw.replace(b'"probe":"b"', b'"probe":"X"'))
    assert kept.ship(store) == 2
    assert names() == ["a", "c"]
    assert kept.rejected() == 1


def test_a_closed_journal_leaves_its_rows_to_the_next(kept: Journal, telemetry: str, tmp_path: Path) -> None:
    kept.append("probes", [probe("a")])
    kept.close()
    with pytest.raises(NigraniError, match="The journal is closed"):
        kept.append("probes", [probe("b")])
    assert Journal(tmp_path / "journal").ship(store) == 1
    assert names() == ["a"]


def test_the_default_journal_is_the_current_homes(
    tmp_path: Path, telemetry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGRANI_HOME", str(tmp_path))
    journal.append("probes", [probe("a")])
    assert journal.backlog().rows == 1
    assert journal.ship(store) == 1
    assert os.listdir(tmp_path / "journal") == [journal.current()._own.folder.name]
