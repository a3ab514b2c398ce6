"""The front page comes and goes: after a few changes one message says that it flaps, and one how it settled."""

from __future__ import annotations

from nigrani.demo import telling
from nigrani.demo.eyes import Eyes
from nigrani.demo.stage import Stage

SHOWS = "A page that comes and goes is told once as flapping, and once more when it has settled."
GUIDE = {
    "flapping.yaml": """\
telling: {flapping: {changes: 4, within: 150s}}
sources:
  front:
    kind: web
    title: The front page, asked often
    base: "${ERP_URL}"
    every: 2s
    timeout: 1500ms
    stale_after: 30s
    probes:
      front: {path: /login, expect: {status: 200}}
measures:
  front_up:
    means: Whether the front page answers.
    needs: [front]
    unit: ratio
    combine: last
    sql: |
      SELECT toStartOfMinute(at) AS minute, argMax(assumeNotNull(up), at) AS num, count() AS n
      FROM probes FINAL
      WHERE source = 'front' AND up IS NOT NULL AND at >= {start:DateTime64(3)} AND at < {end:DateTime64(3)}
      GROUP BY minute
alerts:
  front-page:
    title: The front page is gone
    means: Visitors see an error.
    urgency: high
    when: {measure: front_up, over: 1m, below: 50%}
    owner: devops-lead
    action: Find out why it comes and goes.
    starts: live
""",
}
_TITLE = "The front page is gone"
_CHANGE_S = 90.0
_SETTLE_S = 400.0


def play(stage: Stage, eyes: Eyes, inject: bool) -> bool:
    """The website answers with errors, and well again, several times; then it stays well."""
    calm = telling.settled(stage, eyes)
    for number in range(8):
        is_break = number % 2 == 0
        before = _said(stage)
        if is_break:
            telling.break_(stage, inject, "web_errors")
        else:
            telling.mend(stage, inject, "web_errors")
        if not stage.wait(lambda seen=before: _said(stage) > seen, timeout_s=_CHANGE_S):  # type: ignore[misc]
            break
        if _flaps(stage):
            break
    flaps = _flaps(stage)
    stage.happened("told that it flaps" if flaps else "missing: that it flaps", f"after {_said(stage)} messages")
    if not flaps:
        return False
    told = _said(stage)
    for _ in range(2):  # nobody hears of these
        telling.mend(stage, inject, "web_errors")
        stage.wait(lambda: False, timeout_s=10)
        telling.break_(stage, inject, "web_errors")
        stage.wait(lambda: False, timeout_s=10)
    telling.mend(stage, inject, "web_errors")
    quiet = _said(stage) == told
    settled = telling.told(
        stage, "told that it has settled", _TITLE, "has settled", kind="resolved", timeout_s=_SETTLE_S
    )
    stage.happened("counted", f"{flaps} that it flaps, {_said(stage) - told} after that")
    return bool(calm and flaps == 1 and quiet and settled and _said(stage) == told + 1)


def _said(stage: Stage) -> int:
    return sum(_TITLE in said for said in stage.messages())


def _flaps(stage: Stage) -> int:
    return telling.count(stage, "Firing", f"{_TITLE} flaps")
