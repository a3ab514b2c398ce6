"""What a rule did in shadow, for whoever decides whether it may send."""

from __future__ import annotations

from datetime import datetime, timedelta

from nigrani.guide.model import Guide
from nigrani.lib.errors import NigraniError
from nigrani.lib.units import show_age

from . import backtest
from .models import Rule
from .queries import would_have_sent

LONGEST = timedelta(days=30)


def lines(guide: Guide, name: str, *, now: datetime) -> list[str]:
    """Say since when a rule is in shadow, what it recorded that it would have sent, and what a backtest says.

    Telemetry that does not answer leaves the backtest out and is said: it keeps nobody from deciding.
    """
    row = Rule.objects.filter(name=name).first()
    said = []
    if row is not None and row.phase == "shadow":
        count, _ = would_have_sent(since=row.since).get(name, (0, None))
        times = "nothing" if not count else "1 change" if count == 1 else f"{count:,} changes"
        since = f"{row.since:%Y-%m-%d %H:%M} UTC ({show_age(row.since, now=now)})"
        said.append(f"In shadow since {since}; it recorded that it would have told of {times}.")
    start = max(row.since if row else now, now - LONGEST)
    if now - start < timedelta(minutes=2):
        start = now - LONGEST
    try:
        span = backtest.span(now, start=start)
        found = backtest.run(guide, guide.alerts[name], *span)
    except NigraniError as error:
        return [*said, f"What its readings say of that time can't be told now: {error}"]
    return [*said, *backtest.sentences(found)]
