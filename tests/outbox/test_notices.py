"""A notice in the outbox is clean and bounded, and comes out as it went in."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from nigrani.integrations import Notice
from nigrani.outbox import notices

_words = st.text(max_size=50)
_notices = st.builds(
    Notice,
    kind=st.sampled_from(["firing", "resolved", "test", "note"]),
    title=_words,
    lines=st.lists(_words, max_size=4).map(tuple),
    facts=st.lists(st.tuples(_words, _words), max_size=4).map(tuple),
    link=_words,
    urgency=_words,
    at=st.none() | st.datetimes(timezones=st.just(UTC)),
)


@settings(max_examples=50)
@given(_notices)
def test_what_was_stored_is_loaded_and_storing_it_again_changes_nothing(notice: Notice) -> None:
    kept = notices.stored(notice)
    again = notices.loaded(kept, repeat=False)
    assert (again.kind, again.at, len(again.lines), len(again.facts)) == (
        notice.kind, notice.at, len(notice.lines), len(notice.facts),
    )  # fmt: skip
    assert notices.stored(again) == kept


def test_signs_that_no_database_keeps_and_no_person_reads_are_dropped() -> None:
    hostile = Notice("firing", "down\x00\r\nBcc: all\u202egnp", ("a\x00b\nc\x1b[31m\ud800",), (("x\ny", "1\r\n2"),))
    kept = notices.stored(hostile)
    assert kept["title"] == "down Bcc: allgnp"
    assert kept["lines"] == ("ab\nc[31m",)
    assert kept["facts"] == (("x y", "1 2"),)


def test_long_text_is_cut() -> None:
    kept = notices.stored(
        Notice("firing", "t" * 999, ("l" * 9999,) * 99, (("f", "v" * 9999),) * 99, at=datetime(2026, 11, 3, tzinfo=UTC))
    )
    assert (len(kept["title"]), kept["title"][-1]) == (notices.TITLE_MAX, "…")
    assert (len(kept["lines"]), len(kept["lines"][0])) == (notices.LINES_MAX, notices.LINE_MAX)
    assert len(kept["facts"]) == notices.FACTS_MAX


def test_a_repeat_says_so() -> None:
    assert notices.loaded(notices.stored(Notice("test", "t", ())), repeat=True).repeat
