"""The server finds where an INSERT's data begins and refuses what the engine alone would run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nigrani.telemetry.statement import Insert, Rejected, check, split_insert


@given(st.binary(max_size=200))
def test_data_is_cut_off_byte_for_byte(data: bytes) -> None:
    raw = b"INSERT INTO `db`.t (`a`, b) -- FORMAT is below\n FORMAT Native\n" + data
    assert split_insert(raw) == Insert("INSERT INTO `db`.t (`a`, b) -- FORMAT is below", "Native", data)


@pytest.mark.parametrize(
    ("raw", "insert"),
    [
        (b"insert into t format CSV 1,2", Insert("insert into t", "CSV", b"1,2")),
        (b"INSERT INTO t (`FORMAT x`) FORMAT Native\r\n{}", Insert("INSERT INTO t (`FORMAT x`)", "Native", b"{}")),
        (b"/* a */ INSERT INTO t FORMAT TSV", Insert("/* a */ INSERT INTO t", "TSV", b"")),
        (b"INSERT INTO t SELECT 1 FORMAT CSV", None),
        (b"INSERT INTO t VALUES (1)", None),
        (b"SELECT 1 FORMAT CSV", None),
        (b"", None),
    ],
)  # fmt: skip
def test_an_insert_is_split_and_nothing_else(raw: bytes, insert: Insert | None) -> None:
    assert split_insert(raw) == insert


@pytest.mark.parametrize(
    "sql", ["SELECT 1", "SELECT 1;", "SELECT ';' -- ; x\n;", "(SELECT 1)", "SELECT 'file'", "WITH 1 AS x SELECT x"]
)
def test_one_reading_statement_passes(sql: str) -> None:
    check(sql, reads_only=True)


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT 1; SELECT 2", 62),
        ("SELECT 1;;SELECT 2", 62),
        ("", 62),
        (" -- nothing", 62),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", 481),
        ("SELECT 1 into/**/outfile '/tmp/x'", 481),
        ("INSERT INTO t FROM INFILE '/etc/passwd' FORMAT CSV", 481),
        ("SELECT file('/etc/passwd')", 481),
        ("SELECT `file`('/etc/passwd')", 481),
        ("SELECT \"file\"/**/('/etc/passwd')", 481),
        ("SELECT * APPLY file FROM (SELECT '/etc/passwd')", 481),
        ("SELECT '/*' , file('/etc/passwd') --*/", 481),
        ("SELECT `fi\\x6ce`('/etc/passwd')", 62),
        ("KILL QUERY WHERE 1", 164),
        ("exit", 164),
        ("INSERT INTO t SELECT 1", 164),
        ("SET readonly = 0", 164),
    ],
)
def test_what_touches_files_or_is_no_reading_is_refused(sql: str, code: int) -> None:
    with pytest.raises(Rejected) as caught:
        check(sql, reads_only=True)
    assert caught.value.code == code
    assert str(caught.value).startswith(f"Code: {code}. DB::Exception: ")
