"""Ask a watched database one thing once: by a SELECT of counts, or by whether a statement could run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from nigrani.integrations import Question, Seen
from nigrani.lib import clock, postgres
from nigrani.lib.errors import SourceError, Unreadable
from nigrani.lib.postgres_errors import PostgresError, told
from nigrani.lib.scrub import scrub

from .config import PLACEHOLDER, QuestionConfig, SourceConfig

_LACKS_RIGHT = "42501"
_CANT_RUN = ("42", "22")  # classes of SQLSTATE: a name or a value that is not there
_TEXT_MAX = 60


def survey(question: Question) -> Seen:
    """Ask. Raises SourceError: Refused also when the role may not read what is asked for."""
    config: QuestionConfig = question.config
    source: SourceConfig = question.source_config
    if config.must_run:
        return _could_run(source, config.must_run, timeout=question.timeout)
    sql = _asked(question)
    rows = postgres.run(source.dsn, sql, deadline=question.timeout, max_rows=2, may_be_superuser=source.allow_superuser)
    return _seen(sql, list(rows))


def together(questions: Mapping[str, Question]) -> dict[str, Seen]:
    """Ask SELECTs of one database in one statement, so that it is bothered once. Returns what could be told.

    When one of them fails, all do: then ask each by itself. Raises SourceError.
    """
    asked = {name: _asked(each) for name, each in questions.items()}
    if not asked:
        return {}
    names, first = list(asked), next(iter(questions.values()))
    # The guide's own SELECTs, in a transaction that only reads: joined as they are.
    whole = "\nUNION ALL ".join(
        f"SELECT {at} AS number, row_to_json(question) AS row FROM ({asked[name]}\n) AS question"  # noqa: S608
        for at, name in enumerate(names)
    )
    config: SourceConfig = first.source_config
    rows = postgres.run(
        config.dsn,
        whole,
        deadline=first.timeout,
        max_rows=2 * len(names),
        may_be_superuser=config.allow_superuser,
    )
    answers: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        answers.setdefault(names[row["number"]], []).append(row["row"])
    found = {}
    for name, each in answers.items():
        with suppress(Unreadable):  # asked by itself, it says what is wrong
            found[name] = _seen(asked[name], each)
    return found


def _asked(question: Question) -> str:
    return fill(question.config.sql, question.names)


def _seen(sql: str, rows: Sequence[Mapping[str, Any]]) -> Seen:
    if len(rows) != 1 or "found" not in rows[0]:
        raise Unreadable("The question did not return one row with a column `found`.", "Mend its SQL in the guide.")
    row = dict(rows[0])
    is_there = row.pop("found")
    if is_there is not None and not isinstance(is_there, bool):
        raise Unreadable("The question's column `found` is neither true, false nor null.", "Mend its SQL in the guide.")
    asked = " ".join(sql.split())
    return Seen(is_there, asked, ", ".join(f"{name} {_shown(value)}" for name, value in row.items()) or "nothing more")


def fill(sql: str, names: Mapping[str, str]) -> str:
    """Put the database's own names in. Raises KeyError for a placeholder that has none."""
    return PLACEHOLDER.sub(lambda found: names[found[0][1:-1]], sql)


def lacks_right(error: SourceError) -> bool:
    """Whether a question failed because our role may not read what it reads."""
    behind = error.__cause__
    return isinstance(behind, PostgresError) and (behind.sqlstate, behind.phase) == (_LACKS_RIGHT, "query")


def _could_run(source: SourceConfig, statements: tuple[str, ...], *, timeout: timedelta) -> Seen:
    until = clock.monotonic() + timeout.total_seconds()
    fails: list[str] = []
    runs = lacking = 0
    for statement in statements:
        left = timedelta(seconds=max(0.1, until - clock.monotonic()))
        try:
            postgres.run(
                source.dsn,
                f"EXPLAIN {statement.rstrip().rstrip(';')}",
                deadline=left,
                max_rows=500,
                may_be_superuser=source.allow_superuser,
            )
            runs += 1
        except SourceError as error:
            behind = told(error)
            if lacks_right(error):
                lacking += 1
            elif behind.phase == "query" and behind.sqlstate[:2] in _CANT_RUN:
                fails.append(scrub(behind.text.rpartition("It said: ")[2], limit=_TEXT_MAX * 2))
            else:
                raise
    parts = [f"{len(fails)} of {len(statements)} can't run", *fails]
    if lacking:
        parts.append(f"{lacking} could, if our role might read what they read")
    asked = "; ".join(" ".join(f"EXPLAIN {each}".split()) for each in statements)
    return Seen(bool(fails), scrub(asked, limit=1000), "; ".join(parts))


def _shown(value: object) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float() | Decimal():
            return f"{value:.4g}"
        case datetime():
            return value.isoformat(sep=" ", timespec="seconds")
        case _:
            return f"“{scrub(str(value), limit=_TEXT_MAX)}”"
