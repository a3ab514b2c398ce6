"""Every page keeps within its budget: queries, bytes and processor time, with ten rows of each and with a thousand."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from tests.console import budgets, crowd

from nigrani.access.models import ApiToken, Person
from nigrani.alerts.models import Alert, Silence
from nigrani.console.urls import urlpatterns
from nigrani.lib import clock
from nigrani.survey.models import Survey

pytestmark = pytest.mark.django_db

FEW, MANY = 10, 1_000
_TRIES = 5


@dataclass(frozen=True)
class Cost:
    """What one request took."""

    queries: int
    size_bytes: int
    cpu_s: float


def _cost(client: Client, address: str) -> Cost:
    with CaptureQueriesContext(connection) as asked:
        began = time.thread_time()
        answer = client.get(address)
        took = time.thread_time() - began
    assert answer.status_code in (200, 410), (address, answer.status_code)
    return Cost(len(asked), len(answer.content), took)


def _filled(address: str, alert: Alert) -> str:
    person, token = Person.objects.latest("id"), ApiToken.objects.latest("id")
    silence = Silence.objects.filter(over_at=None).latest("id")
    survey = Survey.objects.latest("id")
    return address.format(alert=alert.pk, person=person.pk, token=token.pk, silence=silence.pk, survey=survey.pk)


def _all(client: Client, alert: Alert) -> dict[str, Cost]:
    addresses = [each for budget in budgets.PAGES.values() for each in budget.addresses]
    return {each: _cost(client, _filled(each, alert)) for each in addresses}


def _budget(address: str) -> budgets.Budget:
    return next(budget for budget in budgets.PAGES.values() if address in budget.addresses)


def test_every_address_has_a_budget_or_a_reason() -> None:
    known = {*budgets.PAGES, *budgets.DOORS, *budgets.NO_PAGES}
    named = {pattern.name for pattern in urlpatterns}
    assert named == known, "say in tests/console/budgets.py what the page may cost, or why it is none"
    assert max(each.queries for each in budgets.PAGES.values()) <= budgets.MOST_QUERIES


@pytest.mark.slow("asks every page with a thousand rows of each kind")
def test_no_page_costs_more_with_a_thousand_rows(morning: Alert, admin: Client) -> None:
    now = clock.now()
    crowd.crowd(morning, range(FEW), now)
    _all(admin, morning)  # what is made once and kept is not a page's cost
    few = _all(admin, morning)
    crowd.crowd(morning, range(FEW, MANY), now)
    many = _all(admin, morning)

    assert {each: cost for each, cost in many.items() if cost.queries > _budget(each).queries} == {}
    firsts = [budget.addresses[0] for budget in budgets.PAGES.values()]
    assert {each: many[each].queries for each in firsts} == {each: few[each].queries for each in firsts}
    assert {each: cost for each, cost in many.items() if cost.size_bytes > budgets.MOST_BYTES} == {}

    cheapest = min(cost.cpu_s for cost in many.values())
    dear = [each for each, cost in many.items() if cost.cpu_s > cheapest * budgets.MOST_TIMES_THE_CHEAPEST]
    for _ in range(_TRIES):  # a turn of the garbage collector is no page's cost either
        dear = [
            each
            for each in dear
            if _cost(admin, _filled(each, morning)).cpu_s > cheapest * budgets.MOST_TIMES_THE_CHEAPEST
        ]
    assert dear == []


def test_the_doors_keep_within_their_budgets(client: Client, db: None) -> None:
    for budget in budgets.DOORS.values():
        for address in budget.addresses:
            client.get(address)
            cost = _cost(client, address)
            assert cost.queries <= budget.queries, (address, cost)
            assert cost.size_bytes <= budgets.MOST_BYTES, (address, cost)
