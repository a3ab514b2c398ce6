"""Frames survive any interleaving, any torn end and any damaged place; batches are cut the same way every time."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from nigrani.telemetry import frames
from nigrani.telemetry.frames import Damage, Frame

AT = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)

some_frames = st.lists(
    st.builds(
        Frame,
        table=st.sampled_from(["probes", "gauges", "logs"]),
        rows=st.integers(1, 9_000),
        received_at=st.integers(0, 4_000_000_000_000).map(lambda ms: datetime.fromtimestamp(ms // 1000, UTC)),
        lines=st.text().map(str.encode),
    ),
    max_size=12,
)


@given(some_frames)
def test_what_is_packed_is_read_back(wanted: list[Frame]) -> None:
    assert list(frames.read(b"".join(map(frames.pack, wanted)))) == wanted


def test_a_tail_torn_at_any_byte_costs_only_the_torn_frame() -> None:
    kept = [Frame("probes", 2, AT, b'{"a":1}\n{"a":2}\n'), Frame("gauges", 1, AT, '{"é":1}\n'.encode())]
    whole, last = b"".join(map(frames.pack, kept)), frames.pack(Frame("logs", 1, AT, b'{"body":"x"}\n'))
    for cut in range(1, len(last)):
        *found, damage = frames.read(whole + last[:cut])
        assert found == kept
        assert damage == Damage(len(whole), last[:cut], is_tail=True)


@given(some_frames.filter(bool), st.data())
def test_frames_behind_a_damaged_byte_are_found_again(wanted: list[Frame], data: st.DataObject) -> None:
    packed = [frames.pack(frame) for frame in wanted]
    hit = data.draw(st.integers(0, len(packed) - 1))
    place = data.draw(st.integers(0, len(packed[hit]) - 1))
    spoiled = bytearray(packed[hit])
    spoiled[place] ^= data.draw(st.integers(1, 255))
    found = list(frames.read(b"".join([*packed[:hit], bytes(spoiled), *packed[hit + 1 :]])))
    assert [part for part in found if isinstance(part, Frame)] == wanted[:hit] + wanted[hit + 1 :]
    [damage] = [part for part in found if isinstance(part, Damage)]
    assert damage.raw == bytes(spoiled)
    assert damage.is_tail == (hit == len(packed) - 1)


@given(some_frames)
def test_batches_hold_every_row_once_in_order_and_within_the_limit(wanted: list[Frame]) -> None:
    cut = list(frames.batches(wanted))
    assert cut == list(frames.batches(iter(wanted)))
    for table in ("probes", "gauges", "logs"):
        ours = [batch for batch in cut if batch.table == table]
        assert [batch.number for batch in ours] == list(range(len(ours)))
        assert b"".join(batch.lines for batch in ours) == b"".join(f.lines for f in wanted if f.table == table)
        assert sum(batch.rows for batch in ours) == sum(f.rows for f in wanted if f.table == table)
        assert all(batch.rows <= frames.BATCH_ROWS for batch in ours)


def test_a_batch_is_cut_by_bytes_too() -> None:
    half = b"x" * (frames.BATCH_BYTES // 2 + 1)
    assert [batch.rows for batch in frames.batches([Frame("logs", 1, AT, half)] * 3)] == [1, 1, 1]


def test_the_age_of_a_segment_is_read_from_its_head(tmp_path: Path) -> None:
    path = tmp_path / "1.seg"
    assert frames.first_received(path) is None
    path.write_bytes(frames.pack(Frame("logs", 1, AT, b"{}\n")))
    assert frames.first_received(path) == AT
    path.write_bytes(frames.MAGIC + b"\0\0")
    assert frames.first_received(path) is None
