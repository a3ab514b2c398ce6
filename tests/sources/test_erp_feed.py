"""The shipped feed over the ERP's own schema: every kind of row as the ERP leaves it, and what becomes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from tests.integrations import databases
from tests.integrations.databases import Server

from nigrani.guide import Feed, grants, load, shipped
from nigrani.integrations import PollJob
from nigrani.integrations.postgres import poll, roles
from nigrani.integrations.postgres.config import SourceConfig
from nigrani.lib.secret import Secret, Vault
from nigrani.sources import feed_facts
from nigrani.telemetry.pseudonyms import Scrubber
from nigrani.vocabulary import vocabulary

pytestmark = pytest.mark.timeout(600)
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
MAIL = "asha@svm.example"
HOME, OTHER = "c" + "h" * 24, "c" + "o" * 24
LOGIN = {"action": "LOGIN", "resource": "nextauth_login", "user": "u1"}
NOBODY = {**LOGIN, "user": None}
FILE = {"resource": "file_access", "user": "u1"}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Yield a server with the ERP's schema, two schools, a teacher, and the role that `nigrani init --sql` makes."""
    with databases.server(databases.shipped(), settings={"max_connections": "20"}) as found:
        found.run(resources.files("schoolyard").joinpath("schema.sql").read_text())
        with found.connect() as connection:
            for school in (HOME, OTHER):
                connection.execute(
                    'INSERT INTO schools (id, name, "schoolCode", "updatedAt") VALUES (%s, %s, %s, now())',
                    (school, "S", school),
                )
            for user, role in (("u1", "TEACHER"), ("root", "SUPER_ADMIN")):
                connection.execute(
                    'INSERT INTO "User" (id, name, role, "updatedAt") VALUES (%s, %s, %s, now())',
                    (user, "Asha Rao", role),
                )
            connection.execute(
                'INSERT INTO user_schools (id, "userId", "schoolId", "updatedAt") VALUES (%s, %s, %s, now())',
                ("m", "u1", HOME),
            )
            version = connection.info.server_version
        found.run(roles.monitor(version, "erp", grants.reads(shipped())))
        found.run(f"ALTER ROLE nigrani_monitor PASSWORD '{databases.PASSWORD}'")
        yield found


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> Feed:
    """Return the feed of the shipped guide."""
    folder: Path = tmp_path_factory.mktemp("secrets")
    vault = Vault(folder)
    vault.put("ERP_DATABASE_URL", Secret("postgresql://nigrani_monitor:x@127.0.0.1/erp"))
    return load(shipped(), vocabulary=vocabulary(), vault=vault).sources["database"].feeds["audit"]


def facts(server: Server, feed: Feed) -> list[dict[str, Any]]:
    job = PollJob(
        "database", "audit", SourceConfig(dsn=server.dsn("nigrani_monitor")), feed.sql, feed.watermark, feed.id,
        feed.zone, timedelta(seconds=30), NOW - timedelta(hours=1), NOW, None, 1000,
    )  # fmt: skip
    page = poll.poll(job)
    return [dict(each) for each in feed_facts.take("database", feed, page.rows, scrubber=Scrubber(b"k")).facts]


def write(server: Server, *rows: dict[str, Any]) -> None:
    with server.connect() as connection:
        connection.execute("TRUNCATE audit_logs")
        for number, row in enumerate(rows):
            at = (NOW - timedelta(minutes=30) + timedelta(seconds=number)).replace(tzinfo=None)
            connection.execute(
                'INSERT INTO audit_logs (id, "userId", action, resource, "resourceId", changes, "ipAddress",'
                ' "createdAt")'
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
                (f"r{number:02}", row.get("user"), row["action"], row["resource"], row.get("key"),
                 json.dumps(row.get("changes", {})), "45.64.1.2", at),
            )  # fmt: skip


@pytest.mark.parametrize(
    ("row", "outcome", "reason"),
    [
        (LOGIN | {"changes": {"reason": "INVALID_PASSWORD", "identifier": MAIL}}, "failed", "INVALID_PASSWORD"),
        (NOBODY | {"changes": {"reason": "USER_NOT_FOUND", "identifier": MAIL}}, "failed", "USER_NOT_FOUND"),
        (NOBODY | {"changes": {"error": f"no row for {MAIL}"}}, "failed", "ERROR"),
        (LOGIN | {"changes": {"identifier": MAIL, "schoolId": HOME}}, "", ""),
        (LOGIN | {"resource": "nextauth_signin", "changes": {"schoolId": HOME}}, "ok", ""),
        (LOGIN | {"resource": "password_reset", "changes": {"reason": "TOKEN_EXPIRED"}}, "", "TOKEN_EXPIRED"),
        ({"action": "READ", "resource": "PERMISSION_DENIED", "user": "u1", "key": "STUDENT:DELETE"}, "denied", ""),
        ({"action": "READ", "resource": "PERMISSION_CHECK", "user": "u1", "key": "STUDENT:READ"}, "allowed", ""),
        (FILE | {"action": "READ", "key": f"school-{OTHER}/documents/a.pdf"}, "denied", ""),
        (FILE | {"action": "READ", "key": f"{OTHER}/documents/1-a.pdf"}, "denied", ""),
        (FILE | {"action": "READ", "key": f"school-{HOME}/documents/a.pdf"}, "allowed", ""),
        (FILE | {"action": "READ", "user": "root", "key": f"school-{OTHER}/documents/a.pdf"}, "allowed", ""),
        ({"action": "CREATE", "resource": "AUDIT_LOG", "user": "u1", "changes": {"originalContext": {
            "resource": "file_access", "resourceId": f"school-{OTHER}/documents/a.pdf"}}}, "denied", ""),
        ({"action": "EXPORT", "resource": "ALUMNI", "user": "u1", "changes": {"recordCount": 1200}}, "", ""),
    ],
)  # fmt: skip
def test_a_row_of_the_erp(server: Server, feed: Feed, row: dict[str, Any], outcome: str, reason: str) -> None:
    write(server, row)
    [fact] = facts(server, feed)
    assert (fact["outcome"], fact["reason"], fact["actor"]) == (outcome, reason, row.get("user") or "")
    assert fact["ip_key"] == "45.64.1.2"
    assert "asha" not in json.dumps(fact, default=str).lower()
    if row["resource"] in ("file_access", "AUDIT_LOG"):
        assert fact["resource"] == "file_access"
        assert str(fact["resource_id"]).endswith(".pdf")


def test_numbers_schools_and_names_that_were_typed_are_attributes(server: Server, feed: Feed) -> None:
    write(
        server,
        LOGIN | {"changes": {"reason": "INVALID_PASSWORD", "identifier": MAIL, "schoolCode": "SVM001"}},
        {"action": "EXPORT", "resource": "ALUMNI", "user": "u1", "changes": {"recordCount": 1200, "schoolId": HOME}},
    )
    login, export = facts(server, feed)
    assert login["attrs"]["identifier"].startswith("email:")
    assert login["attrs"]["school_code"] == "SVM001"
    assert (export["attrs"]["records"], export["school_id"]) == ("1200", HOME)


def test_the_role_reads_these_columns_and_no_others(server: Server, feed: Feed) -> None:
    hashes = replace(feed, sql='SELECT id, "createdAt", "passwordHash" AS action FROM "User"')
    with pytest.raises(Exception, match="The role may not read it: permission denied for table User"):
        facts(server, hashes)
