"""Why was this (not) sent, and why does it (not) fire: everything on one screen, nothing said that is not so."""

from __future__ import annotations

import dataclasses
import importlib
import json
from datetime import timedelta

import pytest
from click.testing import CliRunner
from tests.alerts.telling import change, fires, made, tell
from tests.alerts.test_reminding import widening
from tests.alerts.test_silences import silence
from tests.measures.making import MINUTE, T0, answered, probe, put

from nigrani.alerts import actions, forgetting, silencing, why
from nigrani.alerts.models import Alert, Fate, Reminder, Rule, Silence, Transition
from nigrani.cli.frame import told
from nigrani.lib import clock
from nigrani.lib.errors import NigraniError
from nigrani.outbox.models import Attempt, Message

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
KEY = "down{probe=login}"


def reasons(of: object, after: timedelta = timedelta(), name: str = KEY) -> why.Why:
    [found] = why.of(of, name, now=T0 + after)  # type: ignore[arg-type]
    return found


def test_a_refused_message_is_never_called_told() -> None:
    of = made()
    fires()
    tell(of)
    message = Message.objects.get()
    Attempt.objects.create(
        message=message, receiver="mail", at=T0, ended_at=T0, outcome="refused", detail="550 No such user."
    )
    Message.objects.update(state="failed", next_at=None, error="550 No such user.")
    change("firing", "ok", after=MINUTE)
    tell(of, MINUTE)
    found = reasons(of, MINUTE)
    lines = [(each.kind, each.word, each.says) for each in found.entries]
    assert ("try", "refused", "550 No such user.") in lines
    assert any(word == "failed" and "Not sent: 550" in says for kind, word, says in lines if kind == "decision")
    assert not any("told" in says for kind, word, says in lines if kind == "decision" and word == "failed")
    assert any("never delivered" in says for _, _, says in lines)


def test_it_tells_silences_releases_reminders_and_widenings() -> None:
    of = widening()
    row = silence(lasts=2 * DAY)
    fires()
    tell(of)
    found = reasons(of)
    assert found.mutes == ("Silenced until 15:30 IST on 3 Mar by asha@example.in: a deploy.",)
    assert any(each.startswith("It is told when what mutes it is over") for each in found.now)
    silencing.end(row.pk, by="ravi@example.in", now=T0 + MINUTE)
    tell(of, MINUTE)
    tell(of, 16 * MINUTE)
    found = reasons(of, 16 * MINUTE)
    assert found.mutes == ()
    assert [each.what for each in found.entries if each.kind == "decision"] == [
        "told besides", "reminder", "released", "decided",
    ]  # fmt: skip
    assert "If it fires on, it is told again in 15 min." in found.now


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    with pytest.raises(NigraniError) as caught:
        why.of(made(), "dwn", now=T0)
    assert "Nearest: down." in caught.value.hint
    with pytest.raises(NigraniError) as caught:
        why.of(made(), "down{prob=login}", now=T0)
    assert "down{probe=…}" in caught.value.hint


@pytest.mark.usefixtures("telemetry")
def test_why_it_does_not_fire_says_the_value_and_what_is_wanting() -> None:
    of = made()
    assert reasons(of, name="down").now[0] == "The rule was not evaluated yet."
    put(probe(T0))
    answered(T0)
    actions.evaluate(of, now=T0)
    found = reasons(of, name="down{probe=home}")
    assert "This label set never left ok, so nothing was ever to be told of it." in found.now
    late = reasons(of, 5 * MINUTE, name="down")
    assert any("our own loop is late" in each for each in late.now)


def test_a_pending_alert_says_how_long_it_must_hold() -> None:
    of = made()
    held = dataclasses.replace(of, alerts={"down": dataclasses.replace(of.alerts["down"], hold=5 * MINUTE)})
    change("ok", "pending")
    Alert.objects.update(state="pending", pending_since=T0, says="50 % over 1 min is below 95 %", known="known")
    Rule.objects.update(evaluated_at=T0 + MINUTE, known="known")
    assert reasons(held, MINUTE).now[-1] == (
        "It does not fire yet: it must hold for 5 min, 4 min left. 50 % over 1 min is below 95 %."
    )
    Rule.objects.update(phase="shadow")
    assert reasons(held, MINUTE).now[0].startswith("The rule is in shadow since")


def test_the_command_says_it_and_an_unknown_name_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    command = importlib.import_module("nigrani.cli.why")  # the package has a command of that name too

    of = made()
    monkeypatch.setattr(command, "_guide", lambda: of)
    change("ok", "firing", because="\x1b[2J‮ wiped")
    Alert.objects.update(state="firing")
    tell(of)
    with clock.standing_at(T0):
        said = CliRunner().invoke(command.why, [KEY], catch_exceptions=False)
        assert said.exit_code == 0
        assert "decided mail: waiting" in said.output
        assert "\x1b" not in said.output
        assert "‮" not in said.output
        answer = CliRunner().invoke(command.why, [KEY, "--json"], catch_exceptions=False)
        assert json.loads(answer.output)["items"][0]["state"] == "firing"
        wrong = CliRunner().invoke(command.why, ["dawn"])
    assert wrong.exception is not None
    assert told(wrong.exception) == 2  # type: ignore[arg-type]


def test_decisions_are_kept_a_year_and_the_story_of_what_fires_for_ever() -> None:
    of = made()
    fires()
    tell(of)
    change("firing", "ok", after=MINUTE)
    tell(of, MINUTE)
    fires(after=2 * MINUTE)
    tell(of, 2 * MINUTE)
    Message.objects.update(state="sent", sent_at=T0, next_at=None)
    silence(lasts=MINUTE)
    tell(of, 3 * MINUTE)
    assert forgetting.forget_old(now=T0 + 365 * DAY) == 0
    gone = forgetting.forget_old(now=T0 + 367 * DAY)
    assert gone == 2 + 2 + 2 + 1 + 1  # transitions, fates, messages, the silence, the thread
    assert [row.at for row in Transition.objects.all()] == [T0 + 2 * MINUTE]
    assert (Fate.objects.count(), Message.objects.count(), Reminder.objects.count()) == (1, 1, 1)
    assert not Silence.objects.exists()
    Alert.objects.update(state="ok")
    tell(of, 368 * DAY)
    assert forgetting.forget_old(now=T0 + 368 * DAY) > 0
    assert not Transition.objects.exists()


def test_what_waits_to_be_sent_is_not_forgotten() -> None:
    fires()
    tell(made())
    Alert.objects.update(state="ok")
    tell(made(), MINUTE)
    forgetting.forget_old(now=T0 + 400 * DAY)
    assert Message.objects.filter(state="queued").count() == 1
