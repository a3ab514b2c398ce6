"""A worker that is killed in the middle of a send leaves evidence, and the message still arrives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from django.db import connection
from django.db.models.functions import Now
from tests.eventually import eventually
from tests.outbox.conftest import NOW, guide_of, receiver
from tests.outbox.far_end import HANG, SlackEnd
from tests.outbox.test_delivery import enqueue, says_repeat, titles

from nigrani.outbox import actions, queries
from nigrani.outbox.models import Attempt, Message

pytestmark = pytest.mark.django_db(transaction=True)


def _same_database() -> dict[str, str]:
    own = connection.settings_dict
    place = f"host={own['HOST']}&port={own['PORT'] or 5432}"
    url = f"postgresql://{own['USER']}:{quote(own['PASSWORD'])}@/{own['NAME']}?{place}"
    return os.environ | {"NIGRANI_DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "nigrani.settings"}


def _worker(slack: SlackEnd) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.outbox.worker", slack.url]
    return subprocess.Popen(command, env=_same_database(), cwd=Path(__file__).parents[2])


@pytest.mark.slow("starts a worker in a process of its own")
def test_a_worker_killed_while_sending_leaves_an_uncertain_try_and_the_message_is_repeated(slack: SlackEnd) -> None:
    slack.script.append(HANG)
    message, guide = enqueue("a"), guide_of(receiver("alerts", slack.url))
    worker = _worker(slack)
    try:
        eventually(lambda: slack.got, timeout_s=30)
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait(10)

    message.refresh_from_db()
    assert (message.state, message.tries) == ("sending", 1), "the intention is what is left"
    assert actions.deliver_due(guide, now=NOW, patience=None) == 0, "its lease still holds"

    Message.objects.update(leased_until=Now() - timedelta(seconds=1))
    assert actions.deliver_due(guide, now=NOW + timedelta(minutes=2), patience=None) == 1
    message.refresh_from_db()
    tried = list(Attempt.objects.order_by("id").values_list("outcome", "detail"))
    assert tried == [("uncertain", "We stopped while it was being sent: it may have arrived."), ("sent", "ok")]
    assert (message.state, message.possible_repeat) == ("sent", True)
    assert [says_repeat(got) for got in slack.got] == [False, True]
    assert queries.fate(message) == ("sent", "Accepted on try 2. An earlier try may have arrived as well.")


@pytest.mark.slow("starts two workers in processes of their own")
def test_two_worker_processes_send_each_message_once_and_in_order(slack: SlackEnd) -> None:
    for number in range(40):
        enqueue(f"m{number:02}", thread=str(number % 4))
    workers = [_worker(slack), _worker(slack)]
    assert [worker.wait(30) for worker in workers] == [0, 0]
    arrived = titles(slack)
    assert sorted(arrived) == [f"m{number:02}" for number in range(40)]
    for thread in range(4):
        mine = [title for title in arrived if int(title[1:]) % 4 == thread]
        assert mine == sorted(mine)


@pytest.mark.slow("kills three workers one after another")
def test_whatever_is_killed_every_message_arrives_and_every_copy_says_so(slack: SlackEnd) -> None:
    for number in range(30):
        enqueue(f"m{number:02}", thread=str(number % 5))
    for heard in (5, 12, 20):
        worker = _worker(slack)
        try:
            eventually(lambda heard=heard: len(slack.got) >= heard, timeout_s=30)  # type: ignore[misc]
        finally:
            worker.send_signal(signal.SIGKILL)
            worker.wait(10)
        Message.objects.filter(leased_until__isnull=False).update(leased_until=Now() - timedelta(seconds=1))
    actions.deliver_due(guide_of(receiver("alerts", slack.url)), now=NOW + timedelta(minutes=1), patience=None)

    assert set(Message.objects.values_list("state", flat=True)) == {"sent"}
    seen: set[str] = set()
    for title, got in zip(titles(slack), slack.got, strict=True):
        assert title not in seen or says_repeat(got), "a copy that does not say so"
        seen.add(title)
    assert seen == {f"m{number:02}" for number in range(30)}
    assert not Attempt.objects.filter(outcome="").exists()
