"""A commit is acknowledged only when it is on disk; whatever the disk does, nothing acknowledged is lost."""

from __future__ import annotations

import errno
import itertools
import os
import tempfile
import threading
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nigrani.lib.errors import NigraniError
from nigrani.telemetry import frames, segments
from nigrani.telemetry.frames import Frame
from nigrani.telemetry.segments import Full, Writer

AT = datetime(2026, 1, 2, tzinfo=UTC)


def frame(text: object) -> bytes:
    return frames.pack(Frame("logs", 1, AT, f"{text}\n".encode()))


def on_disk(folder: Path) -> list[str]:
    parts = itertools.chain.from_iterable(frames.read(path.read_bytes()) for path in sorted(folder.glob("*.seg")))
    return [part.lines.decode().strip() for part in parts if isinstance(part, Frame)]


def test_many_threads_share_fsyncs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Writer(tmp_path, limit=10**9)
    syncs = Counter[str]()
    real, all_waiting = os.fsync, threading.Event()

    def slow(file: int) -> None:
        syncs["n"] += 1
        all_waiting.wait(0.005)
        real(file)

    monkeypatch.setattr(os, "fsync", slow)

    def commit(of: int) -> None:
        for number in range(10):
            writer.commit(frame(f"{of}-{number}"), 1, AT)

    threads = [threading.Thread(target=commit, args=(of,)) for of in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(on_disk(tmp_path)) == sorted(f"{k}-{i}" for k in range(20) for i in range(10))
    assert syncs["n"] < 100
    assert sum(each.rows for each in writer.held()) == 200


faults = st.sampled_from(["", "", "", "short", errno.ENOSPC, errno.EIO, "fsync"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=st.lists(st.tuples(faults, st.booleans()), max_size=12))
def test_whatever_the_disk_does_acknowledged_rows_stay_and_refused_ones_do_not(
    tmp_path: Path, script: list[tuple[object, bool]]
) -> None:
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    writer = Writer(folder, limit=10**9)
    acknowledged = []
    real_write, real_fsync = os.write, os.fsync
    for index, (fault, seals) in enumerate(script):
        calls = itertools.count()

        def write(file: int, data: bytes, fault: object = fault, calls: itertools.count[int] = calls) -> int:
            if isinstance(fault, int):
                if next(calls):
                    raise OSError(fault, os.strerror(fault))
                return real_write(file, bytes(data)[:5])
            return real_write(file, bytes(data)[:7] if fault == "short" else data)

        def fsync(file: int, fault: object = fault) -> None:
            if fault == "fsync" and not os.path.isdir(f"/proc/self/fd/{file}"):
                raise OSError(errno.EIO, "Input/output error")
            real_fsync(file)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "write", write)
            patch.setattr(os, "fsync", fsync)
            if fault in ("", "short"):
                writer.commit(frame(index), 1, AT)
                acknowledged.append(str(index))
            else:
                with pytest.raises(NigraniError) as caught:
                    writer.commit(frame(index), 1, AT)
                assert isinstance(caught.value, Full) == (fault == errno.ENOSPC)
        if seals:
            writer.seal()
    assert on_disk(folder) == acknowledged
    assert sum(each.rows for each in writer.held()) == len(acknowledged)


def test_over_its_limit_it_is_full_and_says_why(tmp_path: Path) -> None:
    writer = Writer(tmp_path, limit=len(frame("a")) * 2)
    writer.commit(frame("a"), 1, AT)
    writer.commit(frame("b"), 1, AT)
    with pytest.raises(Full, match=r"The journal has no room: \d+ B wait to be shipped, of \d+ B allowed"):
        writer.commit(frame("c"), 1, AT)
    writer.seal()
    writer.remove(writer.sealed()[0])
    writer.commit(frame("d"), 1, AT)
    assert on_disk(tmp_path) == ["d"]


def test_a_large_segment_is_closed_and_another_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "SEGMENT_MAX", 100)
    writer = Writer(tmp_path, limit=10**9)
    for index in range(10):
        writer.commit(frame(index), 1, AT)
    assert len(writer.sealed()) > 1
    assert on_disk(tmp_path) == [str(index) for index in range(10)]


def test_a_closed_writer_takes_no_more(tmp_path: Path) -> None:
    writer = Writer(tmp_path, limit=10**9)
    writer.close()
    with pytest.raises(NigraniError, match="The journal is closed"):
        writer.commit(frame("a"), 1, AT)


def test_a_folder_is_taken_over_only_when_its_process_is_gone(tmp_path: Path) -> None:
    alive = segments.claim(tmp_path)
    assert segments.abandoned(tmp_path, but=set()) == []
    os.close(alive.lock)
    [found] = segments.abandoned(tmp_path, but=set())
    assert found.folder == alive.folder
    (found.folder / "00000001.seg").touch()
    assert not found.let_go()
    (found.folder / "00000001.seg").unlink()
    assert found.let_go()
    assert not alive.folder.exists()
