"""Whether a database worked for anybody but us: the instant at which a client's connection last changed its state."""

from __future__ import annotations

from datetime import datetime, timedelta

from nigrani.lib import postgres
from nigrani.lib.errors import Refused
from nigrani.lib.secret import Secret

_SQL = """
SELECT pg_has_role('pg_read_all_stats', 'USAGE') AS sees_all, max(state_change) AS at
  FROM pg_catalog.pg_stat_activity
 WHERE datname = current_database() AND backend_type = 'client backend' AND usename <> current_user
"""


def last_work(dsn: Secret, *, timeout: timedelta) -> datetime | None:
    """Return when a client other than our role last began or ended something; None when nobody is connected.

    Raises SourceError; Refused when our role does not see what others do.
    """
    row = next(iter(postgres.run(dsn, _SQL, deadline=timeout, max_rows=1)))
    if not row["sees_all"]:
        raise Refused("Our role can't see other roles' connections.", "Run: GRANT pg_monitor TO <the role>")
    at: datetime | None = row["at"]
    return at
