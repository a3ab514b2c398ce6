"""From answers to facts: rows of the telemetry tables `probes` and `gauges`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from nigrani.integrations import Answer, Gauge
from nigrani.lib.errors import Refused, SourceError, Throttled, Unreachable

from .asked import Found
from .state import Next, Outcome

_KINDS = ((Throttled, "throttled"), (Refused, "refused"), (Unreachable, "unreachable"))
COST = "ask.cost_ms"  # the gauge of what one question cost the system that answered it
_LONGEST_DETAIL = 500
_LONGEST_LABEL = 200
_PHASES = ("dns", "connect", "tls", "first_byte", "total")


def sort(answer: Answer | SourceError, *, cut_off: bool) -> tuple[Outcome, str, str]:
    """Return outcome, failure and detail: what an answer comes to, in the words that facts and rows use."""
    if isinstance(answer, SourceError):
        kind = next((word for cls, word in _KINDS if isinstance(answer, cls)), "unreadable")
        return "blind", kind, str(answer)[:_LONGEST_DETAIL]
    if cut_off:
        said = f"We are cut off: no reference address answers either. {answer.detail}"
        return "blind", "cut_off", said[:_LONGEST_DETAIL]
    outcome: Outcome = "ok" if answer.ok else "absent" if answer.failure == "absent" else "fail"
    return outcome, answer.failure, answer.detail[:_LONGEST_DETAIL]


def probe(found: Found, after: Next) -> Mapping[str, object]:
    """Return the fact of one answer. Phases that were not reached are absent, never 0."""
    answer, asked = found.answer, found.asked
    outcome, failure, detail = sort(answer, cut_off=found.cut_off)
    fact: dict[str, object] = {
        "at": found.at,
        "source": asked.source.name,
        "probe": asked.probe.name,
        "location": asked.location,
        "outcome": outcome,
        "up": None if after.up is None else int(after.up),
        "failure": failure,
        "detail": detail,
        "status": 0,
        "size_bytes": 0,
    }
    ms: Mapping[str, float] = {}
    if isinstance(answer, Answer):
        ms = answer.ms
        fact |= {"status": answer.status, "size_bytes": answer.size_bytes}
    return fact | {f"{phase}_ms": ms.get(phase) for phase in _PHASES}


def gauges(found: Found) -> Iterator[Mapping[str, object]]:
    """Yield the facts of the values read along with an answer, and of what asking cost the system."""
    if not isinstance(found.answer, Answer):
        return
    cost = found.answer.cost_ms
    for each in (*found.answer.gauges, *([Gauge(COST, cost, {"probe": found.asked.probe.name})] if cost else [])):
        labels = {name: clean(value) for name, value in each.labels.items()}
        yield {
            "at": each.at or found.at,
            "id": ",".join(f"{name}={value}" for name, value in sorted(labels.items())),
            "source": found.asked.source.name,
            "name": each.name,
            "labels": labels,
            "value": each.value,
        }


def clean(value: str) -> str:
    """Return a label's value without control characters and of bounded length; it may come from anywhere."""
    return "".join(sign if sign.isprintable() else "�" for sign in value)[:_LONGEST_LABEL]
