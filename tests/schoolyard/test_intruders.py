"""People who mean no good: what they do leaves just the rows and lines that the ERP would leave."""

from typing import Any

import pytest
from tests.eventually import eventually
from tests.schoolyard.client import Yard

RECENT = "\"createdAt\" > (now() AT TIME ZONE 'utc') - interval '6 hours'"


def newest(yard: Yard, condition: str) -> list[dict[str, Any]]:
    return list(yard.rows(f'SELECT * FROM audit_logs WHERE {condition} AND {RECENT} ORDER BY "createdAt"'))


@pytest.mark.parametrize(
    ("kind", "reason", "has_user"),
    [
        ("known", "INVALID_PASSWORD", True),
        ("disabled", "USER_NOT_FOUND", False),
        ("wrong_school", "NO_SCHOOL_ASSOCIATION", True),
        ("otp", "OTP_NOT_FOUND", True),
        ("unverified", "EMAIL_NOT_VERIFIED", True),
    ],
)
def test_a_failed_login_leaves_its_reason(yard: Yard, kind: str, reason: str, has_user: bool) -> None:
    condition = f"resource = 'nextauth_login' AND changes->>'reason' = '{reason}'"
    before = len(newest(yard, condition))
    yard.fault("failed_logins", kind=kind, count=6)
    eventually(lambda: len(newest(yard, condition)) == before + 6, timeout_s=60)
    row = newest(yard, condition)[-1]
    assert (row["userId"] is not None) is has_user
    assert row["schoolId"] is None


@pytest.mark.parametrize(
    ("kind", "line"), [("unknown", "❌ No user found with identifier:"), ("2fa", "[auth][cause]: Error: 2FA_REQUIRED")]
)
def test_two_kinds_leave_a_line_and_no_row(yard: Yard, kind: str, line: str) -> None:
    said, rows = yard.log().count(line), len(newest(yard, "resource = 'nextauth_login'"))
    yard.fault("failed_logins", kind=kind, count=3)
    eventually(lambda: yard.log().count(line) == said + 3, timeout_s=60)
    assert len(newest(yard, "resource = 'nextauth_login'")) == rows


def test_refused_actions_files_and_exports_leave_their_rows(yard: Yard) -> None:
    def leaves(fault: str, count: int, condition: str, **settings: Any) -> dict[str, Any]:
        before = len(newest(yard, condition))
        yard.fault(fault, count=count, **settings)
        eventually(lambda: len(newest(yard, condition)) == before + count, timeout_s=60)
        return newest(yard, condition)[-1]

    row = leaves("permission_denied", 5, "resource = 'PERMISSION_DENIED'")
    assert (row["action"], row["ipAddress"], row["changes"]["granted"]) == ("READ", "unknown", False)
    assert row["resourceId"] == f"{row['changes']['resource']}:{row['changes']['action']}"
    row = leaves("file_access", 2, "resource = 'AUDIT_LOG'", row="fallback")
    assert (row["action"], row["checksum"]) == ("CREATE", "error-log")
    assert row["changes"]["originalContext"]["resource"] == "file_access"
    row = leaves("large_export", 1, "action = 'EXPORT'", records=9000)
    assert row["changes"]["recordCount"] == 9000


def test_a_failing_audit_leaves_lines_alone_and_a_wrong_clock_shows_in_the_rows(yard: Yard) -> None:
    account = yard.document["accounts"]["TEACHER"]
    yard.fault("audit_fails")
    before = len(newest(yard, "resource = 'nextauth_login'"))
    yard.log_in(account["email"], "guess", schoolCode=account["school_code"])
    assert "Failed to log audit event:" in yard.log()
    assert "Failed to log audit failure:" in yard.log()
    assert len(newest(yard, "resource = 'nextauth_login'")) == before
    yard.reset()
    yard.fault("erp_clock", ahead_s=7200)
    yard.log_in(account["email"], "guess", schoolCode=account["school_code"])
    ahead = "\"createdAt\" > (now() AT TIME ZONE 'utc') + interval '1 hour'"
    assert len(newest(yard, ahead)) == 1
    yard.change(f"DELETE FROM audit_logs WHERE {ahead}")


def test_the_log_is_read_a_page_at_a_time_to_the_end(yard: Yard) -> None:
    def page(after: int) -> dict[str, Any]:
        shown: dict[str, Any] = yard.http.get(f"{yard.control}/log?after={after}").json()
        return shown

    def to_the_end() -> list[dict[str, Any]]:
        found, place = [], 0
        while True:
            shown = page(place)
            found += shown["items"]
            if shown["next"] is None:
                return found
            place = shown["next"]

    last = to_the_end()[-1]["n"] if to_the_end() else 0
    for _ in range(510):
        yard.get("/api/health")  # each is let past the limiter, which says so in a line
    found = to_the_end()
    assert len(page(last)["items"]) == 500
    assert [each["n"] for each in found if each["n"] > last] == list(range(last + 1, found[-1]["n"] + 1))
    assert found[-1]["n"] - last >= 510
    assert yard.http.get(f"{yard.control}/log?after=x").status_code == 400
