"""What an ask is: one statement, and how its one row is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nigrani.integrations import Gauge
from nigrani.integrations.postgres.config import ProbeConfig, SourceConfig

GRANT = "Its role can't see what other roles do. Run: GRANT pg_monitor TO <the role>"


@dataclass(frozen=True)
class Told:
    """What a server answered to an ask.

    row: its one row. memory: what the last answer kept, or None. is_pooled: a pooler stands between us and it.
    """

    row: Mapping[str, Any]
    source: SourceConfig
    probe: ProbeConfig
    memory: Any = None
    is_pooled: bool = False
    version: int = 0


@dataclass(frozen=True)
class Reading:
    """What an answer comes to.

    absent: why the server has nothing to say to this ask and what mends it; "" when it had. detail: a remark.
    """

    gauges: tuple[Gauge, ...] = ()
    memory: Any = None
    detail: str = ""
    absent: str = ""


@dataclass(frozen=True)
class Ask:
    """One question. sql returns one row; parameters: its $1, $2 from the guide's words.

    is_optional: may be asked less often when the budget is spent. sees_sessions: tells of connections, which behind
    a pooler are not the applications'. absences: SQLSTATE -> why the server has nothing to say.
    """

    sql: str
    read: Callable[[Told], Reading]
    is_optional: bool = True
    sees_sessions: bool = False
    absences: Mapping[str, str] = field(default_factory=dict)
    params: Callable[[ProbeConfig], tuple[object, ...]] = lambda _: ()


def gauges(prefix: str, values: Mapping[str, float | None], labels: Mapping[str, str] | None = None) -> list[Gauge]:
    """Return a gauge for each value that is known: what is not known is left out, never 0."""
    known = {name: float(value) for name, value in values.items() if value is not None}
    return [Gauge(f"{prefix}.{name}", value, labels or {}) for name, value in known.items()]


def since(memory: Any, now_s: float, *, longest_s: float = 7500) -> float | None:
    """Return the seconds since the last answer by the server's own clock.

    None when there is none, or it is too old (or from the future) for a difference to say anything about now.
    """
    before = memory.get("now_s") if isinstance(memory, dict) else None
    if not isinstance(before, int | float) or not 0 < now_s - before <= longest_s:
        return None
    return float(now_s - before)


def growth(memory: Any, now_s: float, sizes: Mapping[str, float]) -> tuple[dict[str, float], dict[str, Any]]:
    """Return how much each thing grew over a day, and what to keep to know it: one look an hour, for 25 hours.

    Before a day has been seen, and for what is younger, there is no growth.
    """
    looks = memory.get("looks", []) if isinstance(memory, dict) else []
    looks = [each for each in looks if 0 <= now_s - each["at_s"] <= 25.5 * 3600]
    old: Mapping[str, float] = next((each["sizes"] for each in looks if now_s - each["at_s"] >= 23 * 3600), {})
    if not looks or now_s - looks[-1]["at_s"] >= 3600:
        looks = [*looks, {"at_s": now_s, "sizes": dict(sizes)}]
    grown = {name: size - old[name] for name, size in sizes.items() if name in old}
    return grown, {"looks": looks[-26:]}
