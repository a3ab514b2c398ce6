"""The guard reads a guide's SQL: what it needs, what it gives, and plain words for what is not allowed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nigrani.lib.errors import NigraniError
from nigrani.telemetry import tables
from nigrani.telemetry.guard import Inspected, inspect

MEASURE = """
    -- answers that were as they should be
    SELECT toStartOfMinute(at) AS minute, probe, countIf(up = 1) AS num, count() AS den, count() AS n,
           hex(quantilesTDigestState(0.5, 0.95)(total_ms)) AS digest
    FROM probes FINAL WHERE at >= {start:DateTime64(3)} AND at < {end:DateTime64(3)} AND source = 'website'
    GROUP BY minute, probe
"""


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        (MEASURE, Inspected(("probes",), ("minute", "probe", "num", "den", "n", "digest"))),
        ("SELECT count() AS n FROM gauges;", Inspected(("gauges",), ("n",))),
        ("WITH x AS (SELECT at FROM probes) SELECT count() AS n FROM x", Inspected(("probes",), ("n",))),
        ("SELECT 1 AS a FROM probes UNION ALL SELECT 2 AS a FROM logs", Inspected(("logs", "probes"), ("a",))),
        ("(SELECT count() AS n FROM audit)", Inspected(("audit",), ("n",))),
        ("SELECT number AS n FROM numbers(3)", Inspected((), ("n",))),
        ("SELECT labels['of'] AS disk, value FROM gauges GROUP BY disk", Inspected(("gauges",), ("disk", "value"))),
        ("SELECT 1 AS n FROM probes WHERE probe IN (SELECT name FROM gauges)", Inspected(("gauges", "probes"), ("n",))),
        ("SELECT count() AS n FROM probes WHERE 'drop table x; --' = detail", Inspected(("probes",), ("n",))),
    ],
)  # fmt: skip
def test_a_select_tells_its_tables_and_columns(sql: str, found: Inspected) -> None:
    assert inspect(sql) == found


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT 1 AS a; SELECT 2 AS a", "One SELECT is wanted; this has 2 statements"),
        ("", "One SELECT is wanted; this has 0 statements"),
        ("DROP TABLE probes", "Only SELECT is allowed in a guide's SQL. This is DROP"),
        ("INSERT INTO probes SELECT 1", "This is INSERT"),
        ("ALTER TABLE probes DROP PARTITION '20260101'", "Only SELECT is allowed"),
        ("KILL QUERY WHERE 1", "Only SELECT is allowed"),
        ("SYSTEM STOP MERGES", "Only SELECT is allowed"),
        ("SELECT * FROM probes", "names its columns"),
        ("SELECT count() FROM probes", "Every output column needs a name"),
        ("SELECT at AS a, id AS a FROM probes", "The output column a is given twice"),
        ("SELECT name AS n FROM system.tables", "reads its own tables only, not system.tables"),
        ("SELECT 1 AS a WHERE 1 IN system.one", "IN one reads a table"),
        ("SELECT a FROM nothing", "There is no table nothing. Tables: requests,"),
        ("SELECT (SELECT 1 FROM nothing) AS a FROM probes", "There is no table nothing"),
        ("SELECT 1 AS a SETTINGS max_threads = 1", "SETTINGS is not allowed"),
        ("SELECT a FROM (SELECT 1 AS a SETTINGS max_threads = 1)", "SETTINGS is not allowed"),
        ("SELECT 1 AS a FORMAT CSV", "FORMAT and INTO OUTFILE are not allowed"),
        ("SELECT 1 AS a INTO OUTFILE '/tmp/x'", "The SQL can't be read"),
        ("SELECT a FROM url('http://x/', 'CSV')", "The table function url is not allowed"),
        ("SELECT a FROM s3('x')", "The table function s3 is not allowed"),
        ("SELECT a FROM remote('x', y, z)", "The table function remote is not allowed"),
        ("SELECT a FROM merge('.*')", "The table function merge is not allowed"),
        ("SELECT file('/etc/passwd') AS a", "The function file is not allowed"),
        ("SELECT `file`('/etc/passwd') AS a", "The function file is not allowed"),
        ("SELECT dictGet('a', 'b', 1) AS a", "The function dictget is not allowed"),
        ("SELECT sleep(3) AS a", "The function sleep is not allowed"),
        ("SELECT a FROM probes WHERE (", "The SQL can't be read (line 1, column"),
    ],
)
def test_anything_else_is_refused_in_plain_words(sql: str, said: str) -> None:
    with pytest.raises(NigraniError) as caught:
        inspect(sql)
    assert said in str(caught.value)


words = st.sampled_from(
    [*tables.TABLES, "SELECT", "FROM", "WITH", "AS", "x", "(", ")", ",", ";", "*", "1", "'", "file", "system.tables",
     "IN", "UNION ALL", "INTO OUTFILE", "FORMAT", "SETTINGS", "--", "/*", "*/", "{a:String}", "DROP TABLE", "url('x')"]
)  # fmt: skip


@given(st.lists(words, max_size=14).map(" ".join))
def test_it_answers_or_refuses_and_never_fails_otherwise(sql: str) -> None:
    try:
        found = inspect(sql)
    except NigraniError:
        return
    assert set(found.tables) <= set(tables.TABLES)
    assert found.columns
