"""The SQL that creates our roles in a watched database: one to look, one to back up, one to act; none may do more.

The text is for a superuser to read and run with psql: an owner may not grant pg_monitor. It holds no password:
`\\password` sets one, so that it enters neither a history nor a log. Running it twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

MONITOR, BACKUP, ACT = "nigrani_monitor", "nigrani_backup", "nigrani_act"
_RESERVED_SINCE = 160000  # pg_use_reserved_connections
_READ_ALL_SINCE = 140000  # pg_read_all_data

Columns = Mapping[str, Sequence[str]]  # table, or schema.table -> column names


def monitor(server_version: int, database: str, columns: Columns) -> str:
    """Return the SQL for the role that looks: statistics, and of tables only the named columns."""
    lines = [
        "-- Looks: the server's statistics, and nothing of the tables but the columns named below.",
        *_role(MONITOR, database, connections=5),
        *_settings(MONITOR, statement_timeout="5s", lock_timeout="1s", default_transaction_read_only="on"),
        f"GRANT pg_monitor TO {MONITOR};",
    ]
    if server_version >= _RESERVED_SINCE:
        lines.append(f"GRANT pg_use_reserved_connections TO {MONITOR};  -- wants reserved_connections = 2 or more")
    lines += _grants("SELECT", columns, MONITOR)
    return _text(lines)


def reading(columns: Columns, role: str) -> str:
    """Return the SQL that lets a role read these columns and nothing else of their tables."""
    return "".join(f"{line}\n" for line in _grants("SELECT", columns, _name(role)))


def backup(server_version: int, database: str, columns: Columns) -> str:
    """Return the SQL for the role that backs up: it reads every row and writes none.

    columns: the tables, whose schemas must be named before version 14.
    """
    lines = [
        "-- Backs up: reads every row, writes none. Where row security is on, also: ALTER ROLE … BYPASSRLS.",
        *_role(BACKUP, database, connections=9),
        *_settings(BACKUP, lock_timeout="30s", default_transaction_read_only="on"),
    ]
    if server_version >= _READ_ALL_SINCE:
        lines.append(f"GRANT pg_read_all_data TO {BACKUP};")
    else:
        for schema in sorted({_split(table)[0] for table in columns} | {"public"}):
            lines += [
                f"GRANT USAGE ON SCHEMA {_name(schema)} TO {BACKUP};",
                f"GRANT SELECT ON ALL TABLES IN SCHEMA {_name(schema)} TO {BACKUP};",
                f"GRANT SELECT ON ALL SEQUENCES IN SCHEMA {_name(schema)} TO {BACKUP};",
            ]
    return _text(lines)


def act(server_version: int, database: str, columns: Columns, *, finds_by: Columns) -> str:
    """Return the SQL for the role that acts: it may change the named columns of rows it finds by others.

    columns: what it may change. finds_by: what it may read besides, to find the rows.
    """
    del server_version  # the same in every version tried
    reads = {
        table: tuple(dict.fromkeys((*finds_by.get(table, ()), *columns.get(table, ()))))
        for table in dict.fromkeys((*finds_by, *columns))
    }
    return _text(
        [
            "-- Acts: may change the columns named below, insert nothing and delete nothing.",
            *_role(ACT, database, connections=2),
            *_settings(ACT, statement_timeout="10s", lock_timeout="2s"),
            *_grants("SELECT", reads, ACT),
            *_grants("UPDATE", columns, ACT),
        ]
    )


def _role(role: str, database: str, *, connections: int) -> Iterator[str]:
    yield (
        f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = '{role}')"
        f" THEN CREATE ROLE {role}; END IF; END $$;"
    )
    yield f"ALTER ROLE {role} WITH LOGIN CONNECTION LIMIT {connections};"
    yield f"GRANT CONNECT ON DATABASE {_name(database)} TO {role};"


def _settings(role: str, **settings: str) -> Iterator[str]:
    for name, value in (settings | {"idle_in_transaction_session_timeout": "10s"}).items():
        yield f"ALTER ROLE {role} SET {name} = '{value}';"


def _grants(right: str, columns: Columns, role: str) -> Iterator[str]:
    for schema in sorted({_split(table)[0] for table in columns}):
        yield f"GRANT USAGE ON SCHEMA {_name(schema)} TO {role};"
    for table, names in columns.items():
        if names:
            schema, bare = _split(table)
            listed = ", ".join(map(_name, names))
            yield f"GRANT {right} ({listed}) ON TABLE {_name(schema)}.{_name(bare)} TO {role};"


def _split(table: str) -> tuple[str, str]:
    schema, dot, bare = table.partition(".")
    return (schema, bare) if dot else ("public", table)


def _name(name: str) -> str:
    """Quote an identifier. Raises ValueError for one that no identifier can hold."""
    if not name or "\0" in name:
        raise ValueError(f"{name!r} can't be a name in PostgreSQL")
    return '"' + name.replace('"', '""') + '"'


def _text(lines: Sequence[str]) -> str:
    role = next(line.split()[2] for line in lines if line.startswith("ALTER ROLE"))
    return "\n".join([*lines, f"-- Then give it a password, in psql:  \\password {role}"]) + "\n"
