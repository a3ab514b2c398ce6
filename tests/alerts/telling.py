"""One alert that changes, and what its receivers were told: for the tests of dispatch and of all that mutes it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.measures.making import HERE, T0, alert, guide, share

from nigrani.alerts import actions
from nigrani.alerts.models import Alert, Fate, Rule, Transition
from nigrani.guide import Guide, Receiver, Runbook

MAIL = Receiver("mail", "email", "Mail to the lead", None, (), HERE)
SLACK = Receiver("slack", "slack", "#alerts", None, ("SLACK_WEBHOOK_URL",), HERE)


def made(*, starts: str = "live", **changes: Any) -> Guide:
    runbook = Runbook("down", "The system is down", ("Open the login page.", "Look at the host."), HERE)
    rule = alert(starts=starts, runbook="down")
    return guide(measures=[share()], alerts=[rule], **({"runbooks": {"down": runbook}} | changes))


def change(
    old: str, new: str, *, after: timedelta = timedelta(), because: str = "0 % over 1 min is below 95 %."
) -> Any:
    rule, _ = Rule.objects.get_or_create(name="down", defaults={"phase": "live", "since": T0})
    row, _ = Alert.objects.get_or_create(
        key="down{probe=login}",
        defaults={"rule": rule, "labels": {"probe": "login"}, "since": T0, "read_at": T0, "state": "ok"},
    )
    return Transition.objects.create(
        alert=row, old=old, new=new, at=T0 + after, because=because, value=0, known="known", awaits=True
    )


def tell(of: Guide, after: timedelta = timedelta()) -> list[tuple[str, str, str]]:
    actions.dispatch(of, now=T0 + after)
    return list(Fate.objects.order_by("id").values_list("receiver", "fate", "because"))


def fires(**changes: Any) -> None:
    change("ok", "firing", **changes)
    Alert.objects.update(state="firing")
