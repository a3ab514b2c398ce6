"""A home as the first version left it, with an alert that fires and was told: what it wrote, moved to the present.

homes/first.sql is a dump of a real one (`pg_dump --inserts`); it was made while its website was down.
"""

from __future__ import annotations

import signal
from datetime import timedelta
from pathlib import Path

import psycopg

from nigrani.lib.home import Home
from nigrani.node import postgres

DUMP = Path(__file__).parent / "homes" / "first.sql"
ALERT = "endpoint-down{probe=health}"

# The dump's newest instant becomes a moment ago; the ledger's lines can't be changed and stay.
_MOVE = """
DO $$ DECLARE each record; shift interval := now() - (SELECT max(read_at) FROM public.alerts_alert) - interval '2 s';
BEGIN
  FOR each IN SELECT table_name AS name, string_agg(format('%1$I = %1$I + $1', column_name), ', ') AS sets
    FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
    WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND data_type = 'timestamp with time zone'
      AND table_name <> 'access_ledgerline' GROUP BY table_name
  LOOP EXECUTE format('UPDATE public.%I SET %s', each.name, each.sets) USING shift; END LOOP;
END $$;
"""


def make(home: Home) -> None:
    """Fill a fresh home with the old state. Its server is stopped again."""
    server = postgres.start(home)
    try:
        load(postgres.url(home))
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(timedelta(minutes=1).total_seconds())


def load(address: str) -> None:
    """Fill an empty database with the old state."""
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(DUMP.read_bytes())
        connection.execute(_MOVE.encode())
