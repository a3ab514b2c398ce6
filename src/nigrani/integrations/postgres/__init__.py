"""A watched PostgreSQL: does it answer, how full is it, and may our role do no more than it must."""

from nigrani.integrations import Limit, Manifest

MANIFEST = Manifest(
    name="postgres",
    title="PostgreSQL",
    faces=("probe", "poll", "survey"),
    verified_on="2026-11-23",
    limits=(
        Limit(
            "connections of ordinary roles",
            "max_connections - superuser_reserved_connections - reserved_connections (16 and later)",
            source="PostgreSQL docs, Connections and Authentication; seen on 15 and 18",
        ),
        Limit(
            "prepared statements behind a pooler in transaction mode",
            "none; only the unnamed statement is used",
            source="PgBouncer docs, Usage",
        ),
        Limit(
            "probing a database that scales to zero",
            "each probe keeps it awake, which costs",
            source="Neon docs, Scale to zero",
        ),
    ),
)
