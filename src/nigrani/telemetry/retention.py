"""Forget what is older than promised: whole partitions, by our own clock (ClickHouse's TTL follows the machine's)."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from . import store

log = logging.getLogger(__name__)

KEEP: Mapping[str, timedelta] = {
    "requests": timedelta(days=90),
    "audit": timedelta(days=365),
    "logs": timedelta(days=30),
    "probes": timedelta(days=90),
    "gauges": timedelta(days=90),
    "readings": timedelta(days=400),
}


def drop_old(now: datetime, keep: Mapping[str, timedelta] = KEEP, *, inside: store.Store | None = None) -> int:
    """Drop every partition that lies wholly before `now - keep`. Returns how many were dropped."""
    kept_in = inside or store.current()
    dropped = 0
    for table, span in keep.items():
        for partition in kept_in.query(
            "SELECT DISTINCT partition FROM system.parts WHERE active AND database = currentDatabase()"
            " AND table = {table:String} ORDER BY partition",
            {"table": table},
        ):
            name = str(partition["partition"])
            if _end(name) <= now - span:
                kept_in.command(f"ALTER TABLE {table} DROP PARTITION '{name}'")
                dropped += 1
                log.info("Dropped old facts.", extra={
                    "action": "telemetry.dropped", "table": table, "partition": name})  # fmt: skip
    return dropped


def _end(partition: str) -> datetime:
    """Return when a partition named 20260131 (a day) or 202601 (a month) ends; never for any other name."""
    if re.fullmatch(r"\d{8}", partition):
        return datetime.strptime(partition, "%Y%m%d").replace(tzinfo=UTC) + timedelta(days=1)
    if re.fullmatch(r"\d{6}", partition):
        return (datetime.strptime(partition, "%Y%m").replace(tzinfo=UTC) + timedelta(days=31)).replace(day=1)
    return datetime.max.replace(tzinfo=UTC)
