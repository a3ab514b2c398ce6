"""Whom the login lets in, and what each refusal leaves behind."""

import time
from typing import Any

import pytest
from tests.schoolyard.client import Yard

from schoolyard.people import hash_password, totp

ROWS = """
    SELECT "userId", changes, "schoolId", details FROM audit_logs
    WHERE action = 'LOGIN' AND resource = %s AND "createdAt" > (now() AT TIME ZONE 'utc') - interval '1 minute'
      AND changes->>'identifier' = %s ORDER BY "createdAt" DESC"""


def person(yard: Yard, condition: str) -> dict[str, Any]:
    return yard.rows(f'SELECT * FROM "User" WHERE {condition} ORDER BY email LIMIT 1')[0]


def reasons(yard: Yard, identifier: str) -> list[str | None]:
    return [row["changes"].get("reason") for row in yard.rows(ROWS, "nextauth_login", identifier)]


def test_a_good_login_leaves_two_rows_and_a_rolling_session(yard: Yard) -> None:
    account = yard.document["accounts"]["ADMIN"]
    browser = yard.log_in_as("ADMIN")
    signin = yard.rows(
        "SELECT changes FROM audit_logs WHERE resource = 'nextauth_signin' AND \"userId\" = %s "
        'ORDER BY "createdAt" DESC LIMIT 1',
        account["user_id"],
    )
    [row, *_] = yard.rows(ROWS, "nextauth_login", account["email"])
    assert row["changes"]["authMethod"] == "password"
    assert (row["schoolId"], row["details"]) == (None, None), "the school goes into changes, details are dropped"
    assert signin[0]["changes"]["authMethod"] == "nextauth"
    answer = browser.get("/api/auth/session")
    assert answer.json()["user"]["role"] == "ADMIN"
    assert "authjs.session-token" in answer.headers["set-cookie"], "each read re-issues the cookie"
    assert browser.get("/admin").status_code == 200
    assert browser.get("/super-admin").headers["location"].endswith("/login?error=access_denied")
    assert browser.get("/teacher").headers["location"].endswith("/dashboard")


def test_without_a_session_the_session_is_null(yard: Yard) -> None:
    assert yard.get("/api/auth/session").json() is None


def test_a_wrong_password(yard: Yard) -> None:
    account = yard.document["accounts"]["TEACHER"]
    answer, _ = yard.log_in(account["email"], "guess", schoolCode=account["school_code"])
    assert answer.status_code == 302
    assert answer.headers["location"].endswith("/login?error=CredentialsSignin&code=credentials")
    [row, *_] = yard.rows(ROWS, "nextauth_login", account["email"])
    assert (row["userId"], row["changes"]["reason"]) == (account["user_id"], "INVALID_PASSWORD")


def test_an_unknown_person_leaves_no_row_only_a_line(yard: Yard) -> None:
    answer, _ = yard.log_in("nobody@nowhere.example", "x", schoolCode="SVM001")
    assert "CredentialsSignin" in answer.headers["location"]
    assert reasons(yard, "nobody@nowhere.example") == []
    assert "❌ No user found with identifier: nobody@nowhere.example" in yard.log()


def test_another_schools_code_is_the_cross_school_signal(yard: Yard) -> None:
    account = yard.document["accounts"]["PARENT"]
    yard.log_in(account["email"], account["password"], schoolCode="GVPS02")
    assert reasons(yard, account["email"])[0] == "NO_SCHOOL_ASSOCIATION"


def test_a_deactivated_user_is_recorded_without_a_user(yard: Yard) -> None:
    locked = person(yard, 'NOT "isActive"')
    yard.log_in(locked["email"], "x", schoolCode="SVM001")
    [row, *_] = yard.rows(ROWS, "nextauth_login", locked["email"])
    assert (row["userId"], row["changes"]["reason"]) == (None, "USER_NOT_FOUND")


def test_blocked_identifiers_are_never_asked(yard: Yard) -> None:
    account = yard.document["accounts"]["STUDENT"]
    yard.change(
        'INSERT INTO blocked_identifiers (id, identifier, reason, "expiresAt", "updatedAt") '
        "VALUES ('cblocked', %s, 'EXCESSIVE_LOGIN_FAILURES', now() + interval '1 day', now())",
        account["email"],
    )
    answer, _ = yard.log_in(account["email"], account["password"], schoolCode=account["school_code"])
    assert answer.headers["location"].endswith("/dashboard")


def test_two_factors(yard: Yard) -> None:
    teacher = person(yard, '"twoFactorEnabled"')
    password = "known"
    hashed = hash_password(password, salt=teacher["id"])
    yard.change('UPDATE "User" SET "passwordHash" = %s WHERE id = %s', hashed, teacher["id"])
    missing, _ = yard.log_in(teacher["email"], password)
    wrong, _ = yard.log_in(teacher["email"], password, totpCode="000000x")
    assert {missing.headers["location"], wrong.headers["location"]} == {f"{yard.url}/login?error=Configuration"}
    assert reasons(yard, teacher["email"]) == ["INVALID_2FA_CODE"], "a missing code leaves no row"
    assert "[auth][cause]: Error: 2FA_REQUIRED" in yard.log()
    right = totp(teacher["twoFactorSecret"], time.clock_gettime(time.CLOCK_REALTIME))
    good, _ = yard.log_in(teacher["email"], password, totpCode=right)
    assert good.headers["location"].endswith("/dashboard")


@pytest.mark.parametrize("code", ["123456"])
def test_a_wrong_one_time_code_is_counted(yard: Yard, code: str) -> None:
    account = yard.document["accounts"]["PARENT"]
    yard.log_in(account["email"], "", otpCode=code)
    assert reasons(yard, account["email"])[0] == "OTP_NOT_FOUND"
    yard.change(
        'INSERT INTO otps (id, identifier, "codeHash", "expiresAt") '
        "VALUES ('cotp', %s, %s, (now() AT TIME ZONE 'utc') + interval '5 min')",
        account["email"],
        hash_password("654321", salt="cotp"),
    )
    yard.log_in(account["email"], "", otpCode=code)
    assert reasons(yard, account["email"])[0] == "INVALID_OTP"
    assert yard.rows("SELECT attempts FROM otps WHERE id = 'cotp'")[0]["attempts"] == 1
    good, _ = yard.log_in(account["email"], "", otpCode="654321")
    assert good.headers["location"].endswith("/dashboard")


def test_a_form_without_the_csrf_token(yard: Yard) -> None:
    answer = yard.post("/api/auth/callback/credentials", data={"email": "x", "password": "y"})
    assert answer.headers["location"].endswith("/login?error=MissingCSRF")


def test_a_session_outlives_the_lock_of_its_user(yard: Yard) -> None:
    account = yard.document["accounts"]["ADMIN"]
    browser = yard.log_in_as("ADMIN")
    yard.change('UPDATE "User" SET "isActive" = false WHERE id = %s', account["user_id"])
    try:
        assert browser.get("/admin").status_code == 200
    finally:
        yard.change('UPDATE "User" SET "isActive" = true WHERE id = %s', account["user_id"])


def test_a_suspended_school_lets_in_without_role(yard: Yard) -> None:
    account = yard.document["accounts"]["ADMIN"]
    yard.change("UPDATE schools SET status = 'SUSPENDED' WHERE \"schoolCode\" = %s", account["school_code"])
    try:
        browser = yard.log_in_as("ADMIN")
        assert browser.get("/api/auth/session").json()["user"]["role"] is None
        assert browser.get("/admin").headers["location"].endswith("/dashboard")
    finally:
        yard.change("UPDATE schools SET status = 'ACTIVE'")


def test_logout_is_recorded(yard: Yard) -> None:
    account = yard.document["accounts"]["ADMIN"]
    yard.log_in_as("ADMIN").post("/api/auth/signout")
    assert yard.rows(
        "SELECT 1 FROM audit_logs WHERE action = 'LOGOUT' AND resource = 'nextauth_signout' AND \"userId\" = %s",
        account["user_id"],
    )


def test_the_super_admins_view_of_health(yard: Yard) -> None:
    answer = yard.log_in_as("SUPER_ADMIN").get("/api/super-admin/system/health")
    assert answer.status_code == 200
    assert set(answer.json()["services"]) == {"database", "cache", "storage", "external"}
    assert "x-response-time" in answer.headers
    assert yard.log_in_as("ADMIN").get("/api/super-admin/system/health").status_code == 401
    yard.fault("database_down")
    browser_answer = yard.get("/api/super-admin/system/health")
    assert browser_answer.status_code == 307
