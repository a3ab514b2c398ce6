"""One outage with 120 effects: one page names the cause, they are listed, and one message says that it is over."""

from __future__ import annotations

from nigrani.demo import telling
from nigrani.demo.eyes import Eyes
from nigrani.demo.stage import Stage

SHOWS = "One cause with 120 effects is one page, which lists them; one message says that it is over."
SCHOOLS = 120
GUIDE = {
    "storm.yaml": """\
telling: {group_interval: 20s}
measures:
  school_reached:
    means: Whether a school's people reach the ERP. They all come by the same website.
    needs: [website]
    unit: ratio
    combine: last
    by: [school]
    sql: |
      SELECT minute, arrayJoin(arrayMap(each -> concat('School ', toString(each)), range(1, 121))) AS school,
        believed AS num, answers AS n
      FROM (
        SELECT toStartOfMinute(at) AS minute, argMax(assumeNotNull(up), at) AS believed, count() AS answers
        FROM probes FINAL
        WHERE source = 'website' AND probe = 'login' AND up IS NOT NULL
          AND at >= {start:DateTime64(3)} AND at < {end:DateTime64(3)}
        GROUP BY minute
      )
alerts:
  school-cut-off:
    title: A school is cut off
    means: Its people do not reach the ERP.
    urgency: high
    when: {measure: school_reached, over: 2m, below: 50%}
    hold: 15s
    effect_of: [system-down]
    owner: devops-lead
    action: Mend what cuts it off.
    starts: live
""",
}
_LISTED = f"Muted as its effects: A school is cut off ({SCHOOLS})"


def play(stage: Stage, eyes: Eyes, inject: bool) -> bool:
    """The website refuses connections, and with it 120 schools are cut off: one page, one list, one end."""
    calm = telling.settled(stage, eyes)
    telling.break_(stage, inject, "web_down")
    told = telling.told(stage, "told", "System Down", timeout_s=2 * telling.MESSAGE_S)
    listed = told and stage.wait(lambda: any(_LISTED in said for said in telling.whole(stage)), timeout_s=240)
    stage.happened("its effects are listed" if listed else "missing: its effects", _LISTED if listed else "")
    telling.mend(stage, inject, "web_down")
    over = told and telling.told(
        stage, "told that it is over", "System Down", kind="resolved", timeout_s=telling.CLEAR_S
    )
    firing, resolved = telling.count(stage, "Firing"), telling.count(stage, "Resolved")
    stage.happened("counted", f"{firing} pages, {resolved} messages that it is over")
    return bool(calm and told and listed and over and (firing, resolved) == (1, 1))
