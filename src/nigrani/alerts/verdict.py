"""What a rule's pass found, as the verdict kept for it: its worst series against its level."""

from __future__ import annotations

from nigrani.measures.values import Value
from nigrani.measures.verdicts import Finding

from .judge import judge, telling
from .rules import Pass


def finding(each: Pass, *, is_loud: bool) -> Finding:
    """Return the finding of a pass. It is met while no alert of the rule is firing or recovering."""
    item = f"alert:{each.rule.name}"
    phase = " (in shadow)" if each.rule.phase == "shadow" else ""
    if each.known != "known":
        return Finding(item, each.known, None, False if is_loud else None, each.says + phase)
    worst = _worst(each)
    if worst is None:
        return Finding(item, "known", None, not is_loud, f"no series in the window{phase}")
    says = telling(judge(each.declared, each.merged.measure, worst)).says
    named = f"{', '.join(worst.labels.values())}: " if worst.labels else ""
    return Finding(item, "known", worst.value, not is_loud, f"{named}{says}{phase}")


def _worst(each: Pass) -> Value | None:
    values = [value for value in each.merged.values.values() if value.value is not None]
    sign = 1 if each.declared.when.above is not None else -1
    return max(values, key=lambda value: sign * (value.value or 0.0), default=None)
