"""The routes as observed on the real ERP, database up; the repaired ones by the switch."""

import pytest
from tests.schoolyard.client import Yard

OUTSIDER = {"x-forwarded-for": "203.0.113.7", "user-agent": "a browser"}


def test_the_login_page_carries_the_security_headers(yard: Yard) -> None:
    yard.http.cookies.clear()
    answer = yard.get("/login")
    assert answer.status_code == 200
    assert "SikshaMitra" in answer.text
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "referrer-policy" in answer.headers
    assert "authjs.csrf-token" in answer.cookies
    assert "authjs.callback-url" in answer.cookies


@pytest.mark.parametrize("path", ["/api/health", "/api/status"])
def test_the_real_erp_has_no_health_route(yard: Yard, path: str) -> None:
    answer = yard.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    yard.fault("health_route")
    repaired = yard.get(path)
    assert repaired.status_code == 200
    assert set(repaired.json()) == {"status", "timestamp"}


def test_validate_reads_the_database_once(yard: Yard) -> None:
    known, unknown, empty = yard.validate(), yard.validate("X"), yard.post("/api/schools/validate", json={})
    assert (known.status_code, known.json()["school"]["schoolCode"]) == (200, "SVM001")
    assert (unknown.status_code, unknown.json()) == (404, {"success": False, "error": "Invalid school code"})
    assert empty.status_code == 400


def test_the_subdomain_probe(yard: Yard) -> None:
    assert yard.get("/api/subdomain/validate?subdomain=saraswati").status_code == 200
    missing = yard.get("/api/subdomain/validate?subdomain=x")
    assert (missing.status_code, missing.json()) == (404, {"error": "School not found or inactive"})


@pytest.mark.parametrize("path", ["/admin", "/api/payments/create", "/nowhere", "/api/super-admin/system/health"])
def test_whatever_needs_a_session_redirects_to_the_login(yard: Yard, path: str) -> None:
    answer = yard.get(path)
    assert answer.status_code == 307
    assert answer.headers["location"].endswith(f"/login?callbackUrl={path.replace('/', '%2F')}")


def test_a_post_without_the_csrf_pair_is_turned_away(yard: Yard) -> None:
    answer = yard.post("/api/payments/webhook", json={"event": "payment.captured"})
    assert answer.status_code == 403
    assert answer.json() == {"error": "CSRF validation failed", "code": "CSRF_TOKEN_INVALID"}
    assert "CSRF validation failed for POST /api/payments/webhook" in yard.log()
    pair = {"cookie": "csrf-token=abc", "x-csrf-token": "abc"}
    assert yard.post("/api/payments/webhook", json={}, headers=pair).status_code == 307


@pytest.mark.parametrize("name", ["monitoring", "msg91"])
def test_webhooks_answer_get(yard: Yard, name: str) -> None:
    assert yard.get(f"/api/webhooks/{name}").json()["status"] == "ok"


def test_a_wrong_method_is_405(yard: Yard) -> None:
    assert yard.get("/api/schools/validate").status_code == 405


def test_head_has_no_body(yard: Yard) -> None:
    answer = yard.http.head(yard.url + "/login")
    assert (answer.status_code, answer.content) == (200, b"")


def test_one_counter_limits_every_kind_of_request(yard: Yard) -> None:
    for _ in range(10):
        assert yard.get("/login", headers=OUTSIDER).status_code == 200
    answer = yard.get("/api/auth/csrf", headers=OUTSIDER)
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "900"
    assert answer.headers["x-ratelimit-limit"] == "10"
    assert answer.json()["retryAfter"] == 900


@pytest.mark.parametrize("extra", [{"x-vercel-id": "anything"}, {"user-agent": "UptimeRobot/2.0"}])
def test_bypasses_of_the_rate_limit(yard: Yard, extra: dict[str, str]) -> None:
    headers = {**OUTSIDER, "x-forwarded-for": "203.0.113.8", **extra}
    assert {yard.get("/api/auth/csrf", headers=headers).status_code for _ in range(12)} == {200}
    assert "[Rate Limit Bypass] /api/auth/csrf - Reason:" in yard.log()


def test_the_elsewhere_page_stands_for_the_rest_of_the_internet(yard: Yard) -> None:
    assert yard.http.get(yard.document["elsewhere"]["url"]).status_code == 200
