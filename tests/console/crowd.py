"""Rows by the thousand of everything a page lists, made in a few statements."""

from __future__ import annotations

from datetime import datetime, timedelta

from nigrani.access.models import ApiToken, LedgerLine, Person, Role
from nigrani.alerts.models import Alert, Fate, Rule, Silence, Transition
from nigrani.outbox.models import Attempt, Message
from nigrani.versions.models import Version

SECOND = timedelta(seconds=1)


def crowd(alert: Alert, numbers: range, now: datetime) -> None:
    """Make one for each number: an alert that fires, a change and a message of one alert, a person, a token, a line."""
    alerts(alert.rule, numbers, now)
    changes(alert, numbers, now)
    silences(numbers, now)
    people(numbers, now)
    versions(numbers, now)
    last = LedgerLine.objects.order_by("-seq").values_list("seq", flat=True).first() or 0
    LedgerLine.objects.bulk_create(
        LedgerLine(
            seq=last + place + 1, at=now, by="asha@example.org", action="rule.promoted", what="system-down",
            detail_json='{"to": "live"}', mac="0" * 64,
        )
        for place in range(len(numbers))
    )  # fmt: skip


def versions(numbers: range, now: datetime) -> None:
    """Let the guide have run as many versions."""
    says = "alert system-down: when.below 95% → 96%"
    Version.objects.bulk_create(
        Version(
            number=10 + at, digest="d" * 64, release="0.1.0", place="erp:/guide", folder="/guide", state="superseded",
            author="asha (file)", at=now, over=9 + at, texts={"guide.yaml": "x: y\n" * 2_000},
            changes=[{"kind": "alert", "name": "system-down", "did": "changed", "says": says}],
        )
        for at in numbers
    )  # fmt: skip


def alerts(rule: Rule, numbers: range, now: datetime) -> None:
    """Let a rule fire for many label sets."""
    Alert.objects.bulk_create(
        Alert(
            rule=rule, labels={"host": f"web-{at}"}, key=f"{rule.name}{{host=web-{at}}}", state="firing",
            since=now - at * SECOND, value=float(at), known="known", says=f"{at} errors over 5 min", read_at=now,
        )
        for at in numbers
    )  # fmt: skip


def changes(alert: Alert, numbers: range, now: datetime) -> None:
    """Let an alert have changed often, each change with one message sent and one decision not to send."""
    made = Transition.objects.bulk_create(
        Transition(
            alert=alert, old="ok", new="firing", at=now - at * SECOND, because="71 % is below 95 %.",
            value=0.71, known="known",
        )
        for at in numbers
    )  # fmt: skip
    messages = Message.objects.bulk_create(
        Message(
            key=f"crowd {at}", receiver="production-alerts", kind="firing", notice={"title": f"Message {at}"},
            state="sent", created_at=now - at * SECOND, sent_at=now, tries=1,
        )
        for at in numbers
    )  # fmt: skip
    Attempt.objects.bulk_create(
        Attempt(message=each, receiver=each.receiver, at=now, ended_at=now, outcome="sent") for each in messages
    )
    pairs = list(zip(made, messages, strict=True))
    Fate.objects.bulk_create(
        Fate(transition=change, receiver="production-alerts", fate="queued", because="It fires.", at=now, message=each)
        for change, each in pairs
    )
    Fate.objects.bulk_create(
        Fate(transition=change, receiver="spare", fate="not_sent", because="Not set up.", at=now) for change, _ in pairs
    )


def silences(numbers: range, now: datetime) -> None:
    """Let there be many silences, half of them over."""
    Silence.objects.bulk_create(
        Silence(
            kind="silence", by="asha@example.org", why="A deploy.", rules=[f"slow-{at}"], made_at=now, starts_at=now,
            until=now + (at + 1) * 60 * SECOND, over_at=now if at % 2 else None,
        )
        for at in numbers
    )  # fmt: skip


def people(numbers: range, now: datetime) -> None:
    """Let there be many people, each with a token."""
    joined = Person.objects.bulk_create(
        Person(email=f"p{at}@example.org", name=f"Person {at}", role=Role.VIEWER, joined_at=now, password="!")
        for at in numbers
    )
    ApiToken.objects.bulk_create(
        ApiToken(
            token_hash=f"{each.email}", ending="abcd", name=f"board of {each.name}", person=each, role=Role.VIEWER,
            created_at=now,
        )
        for each in joined
    )  # fmt: skip
