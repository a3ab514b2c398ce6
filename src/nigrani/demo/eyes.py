"""What a story may look at inside Nigrani: whether it looks at everything. Judgement stays with the receivers."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from nigrani.guide import Guide
from nigrani.lib import clock, units
from nigrani.lib.home import Home


class Eyes(Protocol):
    """What can be seen of a Nigrani."""

    def settled(self) -> str:
        """Say how it stands once every source is fresh and every rule was evaluated; "" before."""
        ...

    def unsettled(self) -> str:
        """Say what is still missing."""
        ...

    def rules(self) -> list[str]:
        """Each rule with its phase and when it was last evaluated."""
        ...

    def sources(self) -> list[str]:
        """Each source with its age."""
        ...

    def source_names(self) -> list[str]:
        """Names of the sources that are set up."""
        ...


class Closed:
    """The eyes on a Nigrani that was not started."""

    def settled(self) -> str:
        """Nothing ever settles."""
        return ""

    def unsettled(self) -> str:
        """Say why."""
        return "Nigrani was not started"

    def rules(self) -> list[str]:
        """None."""
        return []

    def sources(self) -> list[str]:
        """None."""
        return []

    def source_names(self) -> list[str]:
        """None; a story that waits for messages about sources waits for one that never comes."""
        return ["website"]


class Open:
    """The eyes on a running Nigrani: the same queries its console uses."""

    def __init__(self, home: Home, guide: Guide) -> None:
        self._home, self._guide = home, guide

    def settled(self) -> str:
        """See Eyes."""
        if self._missing():
            return ""
        return f"{len(self._guide.alerts)} rules evaluated, {len(self.source_names())} sources fresh"

    def unsettled(self) -> str:
        """See Eyes."""
        return "; ".join(self._missing()) or "nothing"

    def rules(self) -> list[str]:
        """See Eyes."""
        from nigrani.alerts import models

        now = clock.now()
        return [
            f"{rule.name} ({rule.phase}), {units.show_age(rule.evaluated_at, now=now)}"
            for rule in models.Rule.objects.order_by("name")
            if rule.evaluated_at is not None
        ]

    def sources(self) -> list[str]:
        """See Eyes."""
        from nigrani.sources import queries

        return [
            f"{name}, {age:.0f} s old"
            for name, age in queries.ages(self._guide, clock.now()).items()
            if age is not None
        ]

    def source_names(self) -> list[str]:
        """See Eyes."""
        return sorted(name for name, source in self._guide.sources.items() if source.is_set_up)

    def _missing(self) -> list[str]:
        from django.db import DatabaseError

        from nigrani.alerts import models
        from nigrani.sources import queries

        now = clock.now()
        try:
            ages = queries.ages(self._guide, now)
            recent = set(
                models.Rule.objects.filter(evaluated_at__gte=now - timedelta(minutes=1)).values_list("name", flat=True)
            )
        except DatabaseError:
            return ["the state database does not answer yet"]
        limits = {name: self._guide.sources[name].stale_after.total_seconds() for name in self.source_names()}
        return [
            *(f"source {name} has no fresh answer" for name in limits if (ages.get(name) or 1e9) > limits[name]),
            *(f"rule {name} is not evaluated" for name in sorted(set(self._guide.alerts) - recent)),
        ]
