"""A silence mutes messages and never state; overlapping ones are all named; what was previewed is what is made."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.alerts.telling import change, fires, made, tell
from tests.measures.making import MINUTE, T0

from nigrani.access.models import LedgerLine
from nigrani.alerts import silencing
from nigrani.alerts.matching import Matchers
from nigrani.alerts.models import Alert, Fate, Silence
from nigrani.alerts.silencing import Plan
from nigrani.lib.errors import Conflict, NigraniError
from nigrani.lib.globs import fits
from nigrani.outbox.models import Message

HOUR = timedelta(hours=1)
DOWN = Matchers(rules=("down",))


def silence(matchers: Matchers = DOWN, *, at: datetime = T0, lasts: timedelta = HOUR, why: str = "a deploy",
            by: str = "asha@example.in") -> Silence:  # fmt: skip
    return silencing.add(Plan("silence", matchers, why, lasts), made(), by=by, now=at)


@pytest.mark.django_db
def test_a_silence_mutes_the_message_but_not_the_state() -> None:
    silence()
    fires()
    assert tell(made()) == [("mail", "not_sent", "Silenced until 16:30 IST on 1 Mar by asha@example.in: a deploy.")]
    assert Fate.objects.get().muted_by == f"silence:{Silence.objects.get().pk}"
    assert Alert.objects.get().state == "firing"
    assert not Message.objects.exists()


@pytest.mark.django_db
def test_overlapping_silences_are_all_named_and_ending_one_leaves_the_others() -> None:
    first = silence()
    silence(Matchers(labels={"probe": ("log*",)}), lasts=2 * HOUR, why="the login is rebuilt", by="ravi@example.in")
    silencing.end(first.pk, by="asha@example.in", now=T0)
    fires(after=MINUTE)
    assert [because for _, _, because in tell(made(), MINUTE)] == [
        "Silenced until 17:30 IST on 1 Mar by ravi@example.in: the login is rebuilt."
    ]
    silence(at=T0 + MINUTE)
    change("ok", "firing", after=2 * MINUTE)
    because = tell(made(), 2 * MINUTE)[-1][2]
    assert "by ravi@example.in" in because
    assert "by asha@example.in" in because


@pytest.mark.django_db
def test_who_was_told_that_it_fires_hears_of_its_end_through_a_silence() -> None:
    fires()
    tell(made())
    silence(at=T0 + MINUTE)
    change("firing", "ok", after=2 * MINUTE)
    assert tell(made(), 2 * MINUTE)[-1][1] == "queued"


@pytest.mark.django_db
def test_every_mistake_in_a_silence_is_told_at_once_with_the_nearest_name() -> None:
    plan = Plan("silence", Matchers(rules=("dwn",), labels={"prob": ("x",)}), " ", timedelta(days=31))
    with pytest.raises(NigraniError) as caught:
        silencing.add(plan, made(), by="asha@example.in", now=T0)
    assert caught.value.hint == (
        "No rule is called 'dwn' (nearest: down). No measure has the label 'prob' (nearest: probe). "
        "It has no reason: say why, for those who wonder why they heard nothing. It lasts 31 d; at most 30 d."
    )
    with pytest.raises(NigraniError, match="names nothing"):
        silence(Matchers())


@pytest.mark.django_db
def test_a_silence_is_prolonged_and_shortened_and_each_leaves_a_ledger_line() -> None:
    row = silence()
    silencing.move(row.pk, T0 + 3 * HOUR, by="ravi@example.in", now=T0 + MINUTE)
    silencing.move(row.pk, T0 + 2 * HOUR, by="ravi@example.in", now=T0 + MINUTE)
    silencing.end(row.pk, by="asha@example.in", now=T0 + 2 * MINUTE)
    with pytest.raises(Conflict, match="over already"):
        silencing.end(row.pk, by="ravi@example.in", now=T0 + 3 * MINUTE)
    for wrong in (T0, T0 + timedelta(days=31)):
        other = silence(at=T0 + 4 * MINUTE)
        with pytest.raises(NigraniError):
            silencing.move(other.pk, wrong, by="ravi@example.in", now=T0 + 5 * MINUTE)
    lines = LedgerLine.objects.filter(what=f"silence {row.pk}").order_by("seq")
    assert [(line.action, line.by) for line in lines] == [
        ("silence.made", "asha@example.in"),
        ("silence.prolonged", "ravi@example.in"),
        ("silence.shortened", "ravi@example.in"),
        ("silence.ended", "asha@example.in"),
    ]


def test_what_was_previewed_is_what_is_made_and_nothing_else_is() -> None:
    plan = Plan("window", Matchers(("down",), (), {"probe": ("a*", "b")}), "why", HOUR, T0)
    text = silencing.sign(plan)
    assert silencing.signed(text) == plan
    for other in (text[:-1] + ("a" if text[-1] != "a" else "b"), "", "x" * 50, text + "x"):
        with pytest.raises(NigraniError, match="not what was previewed"):
            silencing.signed(other)


@pytest.mark.parametrize(
    ("glob", "text", "expected"),
    [
        ("*", "", True), ("down", "down", True), ("down", "downs", False), ("down*", "downs", True),
        ("*down", "updown", True), ("a*a", "a", False), ("a*b*c", "axxbyyc", True), ("a*b*c", "acb", False),
        ("*ab*ba*", "aba", False), ("a.c", "abc", False), ("", "", True), ("**", "x", True),
    ],
)  # fmt: skip
def test_a_glob_knows_only_the_star(glob: str, text: str, expected: bool) -> None:
    assert fits(glob, text) is expected


_few = st.text("ab*", max_size=7)


@given(_few, st.text("ab", max_size=10))
def test_a_glob_fits_as_the_regular_expression_does(glob: str, text: str) -> None:
    import re

    pattern: Any = re.compile(".*".join(re.escape(part) for part in glob.split("*")))
    assert fits(glob, text) is bool(pattern.fullmatch(text))
