"""Who was told: those that hear of it first, those that can't behind one line; and nobody is said aloud."""

from __future__ import annotations

import dataclasses

import pytest
from django.test import Client
from tests.console import scenes
from tests.console.reading import Reader, plain, text

from nigrani.alerts import actions, queries
from nigrani.alerts.models import Alert, Transition
from nigrani.console.told import sort_out
from nigrani.guide import current
from nigrani.guide.model import Guide
from nigrani.lib import clock

pytestmark = pytest.mark.django_db


def fired(guide: Guide) -> Alert:
    """Let System Down fire, and the alerts room decide whom it tells."""
    now = clock.now()
    scenes.calm(now)
    alert = Alert.objects.get(rule__name="system-down")
    Alert.objects.filter(pk=alert.pk).update(state="firing")
    Transition.objects.create(
        alert=alert, old="pending", new="firing", at=now, because="It is down.", known="known", awaits=True
    )
    actions.dispatch(guide, now=now)
    return alert


def without_receivers(guide: Guide) -> Guide:
    unset = {
        name: dataclasses.replace(each, missing=("WORLD_UNSET_URL",), config=None)
        for name, each in guide.receivers.items()
    }
    return dataclasses.replace(guide, receivers=unset)


def test_who_hears_comes_first_and_the_rest_is_one_line(guide: Guide, viewer: Client) -> None:
    alert = fired(guide)
    for address in ("/", f"/alerts/{alert.pk}"):
        page = text(viewer, address)
        said = plain(page)
        assert said.index("#production-alerts") < said.index("1 receiver is not set up")
        assert "The spare pager" in said
        assert ("details", {"class": "idle"}) in Reader(page).tags
        assert "Nobody was told" not in said
    assert "DevOps Lead, through #production-alerts 1 other is not set up" in plain(text(viewer, f"/alerts/{alert.pk}"))
    assert "DevOps Lead, through #production-alerts 1 other is not set up" in plain(text(viewer, "/rules/system-down"))


def test_nobody_who_can_hear_is_said_aloud(guide: Guide, viewer: Client) -> None:
    bare = without_receivers(guide)
    current.set(bare)
    alert = fired(bare)
    for address in ("/", f"/alerts/{alert.pk}"):
        page = text(viewer, address)
        assert "Nobody was told" in plain(page)
        assert "2 receivers are not set up" in plain(page)
    assert "who hears nothing: no receiver is set up" in plain(text(viewer, "/rules/system-down"))


def test_a_decision_stays_folded_when_its_receiver_is_set_up_later(guide: Guide) -> None:
    alert = fired(without_receivers(guide))
    [change] = queries.transitions(alert_id=alert.pk)
    told = sort_out(guide, change.fates)
    assert (len(told.idle), told.heard, told.nobody) == (2, (), True)
