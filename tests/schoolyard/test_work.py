"""What is done behind the login: permission checks leave their rows, uploads leave a document and no audit row."""

from __future__ import annotations

from typing import Any

import pytest
from tests.schoolyard.client import Yard

from schoolyard.web.work import action_id

NEWEST = """SELECT * FROM audit_logs WHERE "userId" = %s AND resource LIKE 'PERMISSION%%'
            ORDER BY "createdAt" DESC LIMIT 1"""


@pytest.mark.parametrize(
    ("wanted", "resource", "said"),
    [("MARK:UPDATE", "PERMISSION_CHECK", "true"), ("STUDENT:DELETE", "PERMISSION_DENIED", "Insufficient permissions")],
)
def test_a_server_action_leaves_the_row_of_its_check(yard: Yard, wanted: str, resource: str, said: str) -> None:
    browser = yard.log_in_as("TEACHER")
    answer = browser.post("/teacher", headers={"next-action": action_id(wanted)}, json=[])
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/x-component")
    assert said in answer.text
    row = yard.rows(NEWEST, yard.document["accounts"]["TEACHER"]["user_id"])[0]
    assert (row["action"], row["resource"], row["resourceId"], row["ipAddress"]) == (
        "READ", resource, wanted, "unknown",
    )  # fmt: skip
    assert row["changes"]["granted"] is (resource == "PERMISSION_CHECK")
    assert row["changes"]["role"] == "TEACHER"
    assert row["schoolId"] is None


def test_an_action_of_no_build_is_not_found_and_a_stranger_is_sent_to_the_login(yard: Yard) -> None:
    assert yard.log_in_as("TEACHER").post("/teacher", headers={"next-action": "0" * 40}, json=[]).status_code == 404
    assert yard.post("/teacher", headers={"next-action": action_id("MARK:UPDATE")}, json=[]).status_code == 307


def documents(yard: Yard) -> list[dict[str, Any]]:
    return yard.rows('SELECT * FROM "Document" WHERE "fileName" = %s ORDER BY "createdAt" DESC', "plan.pdf")


def test_an_upload_leaves_a_document_and_no_audit_row(yard: Yard) -> None:
    browser, account = yard.log_in_as("TEACHER"), yard.document["accounts"]["TEACHER"]
    audited = "SELECT count(*) AS n FROM audit_logs WHERE \"userId\" = %s AND action <> 'LOGIN'"
    before = yard.rows(audited, account["user_id"])
    answer = browser.post("/api/upload", files={"file": ("plan.pdf", b"%PDF-1.7 abc", "application/pdf")})
    assert answer.json()["success"]
    [row, *_] = documents(yard)
    assert row["fileUrl"] == answer.json()["key"]
    assert row["fileUrl"].startswith(f"school-{row['schoolId']}/documents/plan-")
    assert (row["fileSize"], row["userId"]) == (12, account["user_id"])
    assert yard.rows(audited, account["user_id"]) == before


def test_an_upload_that_is_none_is_refused(yard: Yard) -> None:
    browser = yard.log_in_as("TEACHER")
    count = len(documents(yard))
    large = browser.post("/api/upload", files={"file": ("plan.pdf", b"\0" * (6 << 20), "image/png")})
    assert (large.status_code, large.json()["error"]) == (400, "File size exceeds limit")
    assert browser.post("/api/upload", files={"note": (None, b"x")}).json()["error"] == "No file provided"
    assert yard.post("/api/upload", files={"file": ("plan.pdf", b"x", "image/png")}).status_code == 307
    assert len(documents(yard)) == count
