"""Plants: planted and dug up while the yard runs, apart from faults, and refused when they make no sense."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.schoolyard.client import Yard

from schoolyard.plants import REAL


@pytest.fixture(autouse=True)
def as_before(yard: Yard) -> Iterator[None]:
    yield
    assert post(yard, "", {"names": sorted(REAL)})[0] == 200


def post(yard: Yard, name: str, body: object) -> tuple[int, Any]:
    answer = yard.http.post(f"{yard.control}/plants{name}", json=body, timeout=60)
    return answer.status_code, answer.json()


def test_the_real_mode_has_what_the_real_one_was_seen_with(yard: Yard) -> None:
    items = yard.http.get(f"{yard.control}/plants").json()["items"]
    assert {item["name"] for item in items if item["on"]} == REAL == {item["name"] for item in items if item["real"]}
    assert yard.state()["plants"] == sorted(REAL)
    assert all(item["meaning"] for item in items)


def test_one_is_dug_up_and_planted_again_and_faults_leave_it_alone(yard: Yard) -> None:
    assert yard.get("/api/health").status_code == 404
    assert post(yard, "/no-health-route", {"on": False})[0] == 200
    yard.fault("web_latency", ms=1)
    yard.reset()
    assert yard.get("/api/health").status_code == 200
    post(yard, "/no-health-route", {"on": True})
    assert yard.get("/api/health").status_code == 404


def test_rows_come_and_go_with_their_plant(yard: Yard) -> None:
    counted = "SELECT count(*) AS n FROM audit_logs WHERE resource = 'AUDIT_LOG'"
    assert yard.rows(counted)[0]["n"] >= 3  # others of this school have written such rows too
    post(yard, "/audit-fallback-rows", {"on": False})
    assert yard.rows(counted)[0]["n"] == 0
    for _ in range(2):
        post(yard, "/audit-fallback-rows", {"on": True})
    assert yard.rows(counted)[0]["n"] == 3


def test_what_would_hide_another_takes_its_place(yard: Yard) -> None:
    path = "/api/cron/cleanup-sessions"
    assert yard.get(path).status_code == 307
    post(yard, "/cron-open", {"on": True})
    assert yard.get(path).status_code == 200
    assert "cron-turned-away" not in yard.state()["plants"]


@pytest.mark.parametrize(
    ("name", "body", "status", "said"),
    [
        ("/no-helth-route", {"on": True}, 404, "nearest: no-health-route"),
        ("", {"names": ["no-health-route", "nothing"]}, 404, "nearest: "),
        ("", {"names": ["cron-open", "cron-turned-away"]}, 400, "dig one of them up"),
        ("/no-health-route", {"on": "yes"}, 400, '{"on": true}'),
        ("", {"on": True}, 400, '{"names": [...]}'),
    ],
)
def test_nonsense_is_explained_and_changes_nothing(yard: Yard, name: str, body: object, status: int, said: str) -> None:
    answered, document = post(yard, name, body)
    assert answered == status
    assert said in document["hint"]
    assert set(yard.state()["plants"]) == REAL
