"""A stand-in school that is dug over while it runs, and a survey of it that needs no state of ours."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import conninfo, sql
from tests.guide.real import vocabulary
from tests.schoolyard.client import Yard, boot, remove

from nigrani import guide as guides
from nigrani.guide import Guide
from nigrani.integrations.postgres import roles
from nigrani.lib.secret import Secret, Vault
from nigrani.survey.asking import Asking
from nigrani.survey.report import FindingResult

# What another school may call things: some of the tables by names that the guide has, some known by their columns only.
RENAMES = {
    "audit_logs": "school_events",
    "audit_logs.createdAt": "created_at",
    "audit_logs.userId": "user_id",
    "User": "users",
    "FeePayment": "fee_entries",
    "FeePayment.transactionId": "transaction_id",
    "message_logs": "sent_messages",
    "login_failures": "refused_logins",
    "otps": "codes",
    "usage_counters": "storage_use",
}


@dataclass
class Surveyed:
    """A yard, and the guide with its addresses."""

    yard: Yard
    guide: Guide
    grants: str

    def plant(self, names: Collection[str]) -> None:
        """Let exactly these plants be there."""
        answer = self.yard.http.post(f"{self.yard.control}/plants", json={"names": sorted(names)}, timeout=60)
        assert answer.status_code == 200, answer.text

    def known(self) -> dict[str, dict[str, object]]:
        """Return every plant there is."""
        items = self.yard.http.get(f"{self.yard.control}/plants").json()["items"]
        return {item["name"]: item for item in items}

    def ask(self, *, tries: bool = True, guide: Guide | None = None) -> dict[str, FindingResult]:
        """Ask everything."""
        asked = Asking(guide or self.guide, tries=tries, pace=timedelta(), timeout=timedelta(seconds=20))
        return {each.name: each for each in asked.ask_all()}

    def superuser(self) -> psycopg.Connection[tuple[object, ...]]:
        """Connect as the superuser of the ERP's database."""
        return psycopg.connect(self.yard.document["database"]["superuser_dsn"], dbname="erp", autocommit=True)


@contextmanager
def surveyed(*options: str) -> Iterator[Surveyed]:
    """Boot a yard without plants, give us a role that may look and a super admin's cookie, and load the guide."""
    yard = boot("--traffic-rate", "0", "--mode", "repaired", *options)
    try:
        database = yard.document["database"]
        app = conninfo.conninfo_to_dict(database["dsn"])
        password = os.urandom(12).hex()
        with psycopg.connect(database["superuser_dsn"], dbname="erp", autocommit=True) as connection:
            connection.execute(roles.monitor(connection.info.server_version, "erp", {}).encode())
            named = sql.Identifier(roles.MONITOR)
            connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(named, sql.Literal(password)))
        browser = yard.log_in_as("SUPER_ADMIN")
        cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        with tempfile.TemporaryDirectory() as folder:
            vault = Vault(Path(folder))
            for name, value in {
                "ERP_URL": yard.url,
                "ERP_DATABASE_URL": f"postgresql://{roles.MONITOR}:{password}@{app['host']}:{app['port']}/erp",
                "ERP_SURVEY_COOKIE": cookies,
            }.items():
                vault.put(name, Secret(value))
            guide = guides.load(guides.shipped(), vocabulary=vocabulary(), vault=vault)
        found = Surveyed(yard, guide, "")
        first = Asking(guide, tries=False, pace=timedelta())
        first.ask_all()
        found.grants = first.grants()
        with found.superuser() as connection:
            connection.execute(found.grants.encode())
        yield found
    finally:
        yard.close_browsers()
        yard.end()
        remove(yard)


def with_source(guide: Guide, name: str, **changes: object) -> Guide:
    """Return the guide with another configuration of one source."""
    source = guide.sources[name]
    return replace(guide, sources={**guide.sources, name: replace(source, config=replace(source.config, **changes))})


def elsewhere(guide: Guide) -> Guide:
    """Return the guide with both systems at ports where nothing listens."""
    from tests.integrations import sites

    closed = sites.closed_port()
    dsn = urlsplit(guide.sources["database"].config.dsn.reveal())
    away = dsn._replace(netloc=f"{dsn.username}:{dsn.password}@127.0.0.1:{closed}").geturl()
    moved = with_source(guide, "database", dsn=Secret(away))
    return with_source(moved, "website", base=f"http://127.0.0.1:{closed}")
