"""Due rows: claimed once, freed by a dead worker's lease, never waited for. On outbox messages, which are due rows."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, connections, transaction

from nigrani.lib import due
from nigrani.outbox.models import Message

NOW = datetime(2026, 2, 15, 9, tzinfo=UTC)
LEASE = timedelta(seconds=30)


def _message(key: str, *, minutes: int = 0) -> Message:
    return Message.objects.create(
        key=key, receiver="alerts", kind="note", notice={}, created_at=NOW, next_at=NOW + timedelta(minutes=minutes)
    )


@pytest.mark.django_db
def test_only_what_is_due_is_claimed_longest_due_first_and_only_once() -> None:
    _message("later", minutes=5)
    _message("second", minutes=-1)
    _message("first", minutes=-2)
    claimed = due.claim(Message, now=NOW, lease=LEASE, limit=10)
    assert [message.key for message in claimed] == ["first", "second"]
    assert due.claim(Message, now=NOW, lease=LEASE, limit=10) == []


@pytest.mark.django_db
def test_a_lease_that_ran_out_frees_the_row() -> None:
    _message("left behind")
    due.claim(Message, now=NOW, lease=LEASE, limit=10)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE outbox_message SET leased_until = now() - interval '1 second'")
    assert [message.key for message in due.claim(Message, now=NOW, lease=LEASE, limit=10)] == ["left behind"]


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_hold_the_same_row_and_neither_waits() -> None:
    for number in range(20):
        _message(f"m{number}")
    held: list[set[str]] = []
    claimed, release = threading.Event(), threading.Event()

    def slow_worker() -> None:
        with transaction.atomic():
            held.append({message.key for message in due.claim(Message, now=NOW, lease=LEASE, limit=12)})
            claimed.set()
            release.wait(10)
        connections.close_all()

    worker = threading.Thread(target=slow_worker)
    worker.start()
    assert claimed.wait(10)
    mine = {message.key for message in due.claim(Message, now=NOW, lease=LEASE, limit=20)}
    release.set()
    worker.join(10)
    assert len(held[0]) == 12
    assert len(mine) == 8
    assert not mine & held[0]
