"""Text from outside is only text, and a secret is on no page."""

from __future__ import annotations

import pytest
from django.test import Client
from tests.console import scenes, world
from tests.console.reading import DECIDES, READS, text

from nigrani.access import ledger, people, tokens
from nigrani.access.models import Person, Role
from nigrani.alerts.models import Alert, Rule, Transition
from nigrani.guide.model import Guide
from nigrani.lib import clock
from nigrani.outbox.models import Attempt, Message
from nigrani.sources.models import Probe

pytestmark = pytest.mark.django_db


def test_hostile_text_is_only_text(telemetry: str, guide: Guide, admin: Client) -> None:
    now = clock.now()
    scenes.storm(now, label=scenes.HOSTILE)
    Probe.objects.update(last_outcome="blind", last_detail=scenes.HOSTILE, last_failure="unreachable")
    Message.objects.update(error=scenes.HOSTILE, notice={"title": scenes.HOSTILE}, receiver=scenes.HOSTILE)
    Attempt.objects.update(detail=scenes.HOSTILE)
    Alert.objects.update(says=scenes.HOSTILE)
    Transition.objects.update(because=scenes.HOSTILE)
    Rule.objects.update(says=scenes.HOSTILE, promoted_by=scenes.HOSTILE)
    Person.objects.update(name=scenes.HOSTILE[:100])
    tokens.create(scenes.HOSTILE[:100], Role.VIEWER, by=Person.objects.get(), now=now)
    ledger.record(by=scenes.HOSTILE, action="x", what=scenes.HOSTILE, detail={scenes.HOSTILE: scenes.HOSTILE}, now=now)
    addresses = [*READS, *DECIDES, *(f"/alerts/{each.pk}" for each in Alert.objects.all())]
    addresses += [
        f"/find?q={scenes.HOSTILE}",
        f"/alerts?rule={scenes.HOSTILE}",
        f"/deliveries?receiver={scenes.HOSTILE}",
    ]
    addresses += [
        f"/cover?state={scenes.HOSTILE}",
        f"/rules?phase={scenes.HOSTILE}",
        f"/measures/login_ms?over={scenes.HOSTILE}",
    ]
    shown = 0
    for address in addresses:
        page = text(admin, address.format(alert=Alert.objects.first().pk))  # type: ignore[union-attr]
        assert "<script>alert" not in page, address
        assert "<img" not in page, address
        shown += "&lt;script&gt;" in page
    assert shown > 10


def test_no_page_shows_a_secret(morning: Alert, admin: Client) -> None:
    people.invite(Role.VIEWER, by="asha@example.org", now=clock.now())
    for address in (*READS, *DECIDES):
        page = text(admin, address.format(alert=morning.pk))
        for name, secret in world.CANARIES.items():
            assert secret not in page, (address, name)
