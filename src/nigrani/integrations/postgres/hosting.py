"""Who runs a PostgreSQL, and does a pooler stand before it: from facts of its own catalogue. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

# host -> (prefixes of settings, roles, extensions): any one of them is proof, since nobody else has them.
_SIGNS: Mapping[str, tuple[tuple[str, ...], frozenset[str], frozenset[str]]] = {
    "Amazon RDS or Aurora": (("rds.",), frozenset({"rds_superuser", "rdsadmin"}), frozenset({"rds_tools"})),
    "Supabase": (
        ("supautils.", "supabase."),
        frozenset({"supabase_admin", "supabase_auth_admin"}),
        frozenset({"supabase_vault"}),
    ),
    "Neon": (("neon.",), frozenset({"neon_superuser"}), frozenset({"neon"})),
    "Azure Database for PostgreSQL": (("azure.",), frozenset({"azure_pg_admin", "azuresu"}), frozenset({"azure"})),
    "Google Cloud SQL": (
        ("cloudsql.",),
        frozenset({"cloudsqlsuperuser", "cloudsqladmin"}),
        frozenset({"google_ml_integration"}),
    ),
}
_ADVICE = {
    "Amazon RDS or Aurora": "The host without `.proxy-` in its name is the direct one.",
    "Supabase": "The direct address is db.<project>.supabase.co:5432; pooler.supabase.com is not.",
    "Neon": "The direct address is the one without `-pooler` in its host.",
    "Azure Database for PostgreSQL": "The direct address has port 5432; 6432 is its PgBouncer.",
    "Google Cloud SQL": "The direct address is the instance's own, port 5432.",
}
DIRECT = "Use the direct address of the server, not the pooler's."


@dataclass(frozen=True)
class Hosting:
    """What a server is.

    host: who runs it, "" for a server of one's own. is_pooled: the address leads through a pooler. advice: which
    address to use instead, "" when this one is right.
    """

    host: str
    is_pooled: bool
    advice: str = ""


def recognise(facts: Mapping[str, Any]) -> Hosting:
    """Return what the facts of a server say: `settings`, `roles`, `extensions` (names), `is_pooled`."""
    found = next((host for host in _SIGNS if _is(host, facts)), "")
    is_pooled = bool(facts.get("is_pooled"))
    return Hosting(found, is_pooled, _ADVICE.get(found, DIRECT) if is_pooled else "")


def _is(host: str, facts: Mapping[str, Any]) -> bool:
    prefixes, roles, extensions = _SIGNS[host]
    settings: Iterable[str] = facts.get("settings", ())
    return bool(
        any(name.startswith(prefixes) for name in settings)
        or roles & set(facts.get("roles", ()))
        or extensions & set(facts.get("extensions", ()))
    )


def is_pooled(*, greeted_by: int, pid: int | None) -> bool:
    """Whether a pooler stands between us and the server: it greets us with a process id that is not the server's."""
    return pid is not None and greeted_by != pid


def pooled_absence(hosting_advice: str = "") -> str:
    """Say why sessions can't be told through a pooler."""
    return (
        "This address leads through a pooler, which greets us with another process id than the server's, and shows its"
        f" own connections instead of the applications'. {hosting_advice or DIRECT}"
    )
