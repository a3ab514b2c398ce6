"""Whether the work is done: the loops, the guide they run, and the switch that would tell of their end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from nigrani.lib.errors import GuideError
from nigrani.lib.home import Home
from nigrani.lib.units import show_duration

from .stores import store
from .told import Check

_SELDOM = {"retention": timedelta(hours=2)}  # loops with a long period; the others turn every few seconds
_LATE = timedelta(seconds=30)
_QUIET = timedelta(minutes=2)


def _latest(home: Home, name: str, *, label: str, since: datetime) -> list[dict[str, Any]]:
    return store(home).query(
        "SELECT labels[{label:String}] AS label, argMax(value, at) AS value, max(at) AS last FROM gauges"
        " WHERE source = 'nigrani' AND name = {name:String} AND at >= {since:DateTime64(3)}"
        " GROUP BY label ORDER BY last DESC, label",
        {"name": name, "label": label, "since": since},
    )


def loops(home: Home, now: datetime) -> Iterator[Check]:
    """Read what the loops said of themselves a moment ago."""
    rows = _latest(home, "nigrani.loop.lag_s", label="loop", since=now - timedelta(hours=1))
    if not rows or now - rows[0]["last"] > _QUIET:
        last = f" since {show_duration(now - rows[0]['last'])}" if rows else ""
        yield Check("loops", "bad", f"The loops have said nothing{last}.", f"Look at {home.log / 'app.log'}")
        return
    late = [
        f"{row['label']} ({show_duration(row['value'])})"
        for row in rows
        if row["value"] > _SELDOM.get(row["label"], _LATE).total_seconds()
    ]
    if late:
        yield Check("loops", "bad", f"Late: {', '.join(late)}.", f"Look at {home.log / 'app.log'}")
    else:
        yield Check("loops", "ok", f"All {len(rows)} turn.")


def guide(home: Home, now: datetime) -> Iterator[Check]:
    """Load the guide that the next start would take; name what it can't do for want of a secret."""
    from nigrani import guide as guides
    from nigrani import schedule

    try:
        loaded = schedule.load_guide(home)
    except GuideError as error:
        yield Check("guide", "bad", error.message, "\n".join(error.problems[:5]))
        return
    what = (
        f"{loaded.name}: {len(loaded.sources)} sources, {len(loaded.measures)} measures, {len(loaded.alerts)} alerts."
    )
    yield Check("guide", "ok", what)
    unset = [each.missing for each in loaded.sources.values()] + [each.missing for each in loaded.receivers.values()]
    missing = {name for names in (*unset, *loaded.missing.values()) for name in names}
    if missing:
        what = f"Not set: {', '.join(sorted(missing))}."
        yield Check("secrets", "warn", what, f"Put each into the environment or into a 0600 file in {home.secrets}.")
    else:
        yield Check("secrets", "ok", "Every secret the guide names is set.")
    for sentence in guides.warnings(loaded):
        yield Check("guide.advice", "warn", sentence)


def reference(home: Home, now: datetime) -> Iterator[Check]:
    """Ask the reference addresses now, while nothing depends on them. That there is none is told with the guide."""
    from nigrani import schedule
    from nigrani.sources import gate

    try:
        asked = schedule.load_guide(home).reference
    except GuideError:
        return  # told by `guide`
    if asked and gate.any_answers(asked):
        yield Check("reference", "ok", "A reference address answers.")
    elif asked:
        what = "No reference address answers: an outage would be taken for our own, and told as a dark source."
        yield Check("reference", "bad", what, "Mend our way out, or the reference in guide.yaml.")


def dead_man(home: Home, now: datetime) -> Iterator[Check]:
    """Say when the dead-man's switch last heard us. That it is not set up is told with the guide."""
    rows = _latest(home, "nigrani.deadman.sent", label="outcome", since=now - timedelta(days=1))
    if not rows:
        yield Check("dead-man", "warn", "It was not pinged within a day.", "Set its address: nigrani init")
        return
    newest = rows[0]
    age = show_duration(now - newest["last"])
    if newest["value"]:
        yield Check("dead-man", "ok", f"It heard us {age} ago.")
    else:
        yield Check("dead-man", "bad", f"It was not pinged {age} ago: {newest['label']}.", "See log/app.log.")
