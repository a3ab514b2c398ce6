"""Rows as a bad morning leaves them: one alert fires and was told, one is in shadow, one source is dark."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from nigrani.alerts.models import Alert, Fate, Rule, Transition
from nigrani.guide.model import Guide
from nigrani.measures import labels as label_sets
from nigrani.measures.cover import cover
from nigrani.measures.models import Verdict, Watermark
from nigrani.measures.rows import sql_hash
from nigrani.outbox.models import Attempt, Message
from nigrani.sources.models import Probe, Source
from nigrani.survey.models import Survey
from nigrani.survey.report import FindingResult, Report
from nigrani.survey.state import rows
from nigrani.telemetry import store
from nigrani.versions import noticed
from nigrani.versions.models import Version

from . import world

MINUTE = timedelta(minutes=1)
HOSTILE = '<script>alert("x")</script>"><img src=x onerror=alert(1)>'


def sources(now: datetime, *, error: str = "") -> None:
    """Let the website answer (or not, with `error`); the database is not set up."""
    dark = bool(error)
    website = Source.objects.create(
        name="website",
        kind="web",
        created_at=now - timedelta(days=9),
        last_ok_at=now - (timedelta(minutes=12) if dark else timedelta(seconds=6)),
        last_fail_at=now - timedelta(seconds=5) if dark else None,
        answers=51_840,
        failures=96 if dark else 0,
    )
    Source.objects.create(name="database", kind="postgres", created_at=now - timedelta(days=9))
    for name, ms in (("login", 182.4), ("health", 41.0)):
        Probe.objects.create(
            source=website,
            probe=name,
            state="up",
            since=now - timedelta(days=2),
            last_at=now - timedelta(seconds=6),
            last_ok_at=now - timedelta(seconds=6),
            last_outcome="blind" if dark else "ok",
            last_failure="unreachable" if dark else "",
            last_detail=error,
            last_ms=ms,
            blind_since=now - timedelta(minutes=12) if dark else None,
            next_at=now + timedelta(seconds=9),
        )


def calm(now: datetime) -> None:
    """Let every rule be ok for three hours."""
    sources(now)
    for name, phase in (("system-down", "live"), ("slow-pages", "shadow")):
        rule = _rule(name, phase, now)
        _alert(rule, {}, "ok", now - timedelta(hours=3), now, value=1.0, says="100 % over 2 min is not below 95 %")
    _no_source(now)


def storm(now: datetime, *, label: str = "login") -> Alert:
    """Let the system be down and told, pages be slow in shadow. Returns the alert that fires."""
    sources(now)
    Probe.objects.filter(probe="login").update(
        state="down",
        since=now - timedelta(minutes=14),
        last_outcome="fail",
        last_failure="status",
        last_detail="Answered 503 instead of 200.",
    )
    since = now - timedelta(minutes=12, seconds=20)
    rule = _rule("system-down", "live", now)
    says = "71.4 % over 2 min is below 95 %"
    down = _alert(rule, {}, "firing", since, now, value=0.714, says=says)
    _change(down, "ok", "pending", since - MINUTE, says)
    fired = _change(down, "pending", "firing", since, f"{says}, for 1 min.")
    sent = _message("production-alerts", "[critical] System Down", since, state="sent")
    Fate.objects.create(
        transition=fired,
        receiver="production-alerts",
        fate="queued",
        because="It fires; #production-alerts is told.",
        at=since,
        message=sent,
    )
    _not_sent(fired, "spare", "The receiver The spare pager is not set up: WORLD_UNSET_URL is missing.", since)

    slow = _rule("slow-pages", "shadow", now)
    shadowed = _alert(
        slow, {"probe": label}, "firing", now - 31 * MINUTE, now, value=2841.0, says="2,841 ms over 5 min"
    )
    told = _change(shadowed, "pending", "firing", now - 31 * MINUTE, "2,841 ms over 5 min is above 2,000 ms.")
    _not_sent(told, "production-alerts", "In shadow: would have sent to #production-alerts.", now - 31 * MINUTE)
    _no_source(now)
    versions(now)
    late = _message("production-alerts", "Database Down", now - timedelta(hours=5), state="queued")
    _attempt(late, "unreachable", "Slack did not answer within 10 s.", now - timedelta(hours=5))
    return down


def versions(now: datetime, *, said: str = "alert slow-pages: when.above 3s → 2s") -> None:
    """Let the guide run as version 1, a change wait as version 2, and a broken text lie in the folder as version 3."""
    texts = dict(world.load().text)
    lower = {**texts, "website.yaml": texts["website.yaml"].replace("above: 2s", "above: 1s")}
    change = {"kind": "alert", "name": "slow-pages", "did": "changed", "says": said}
    reason = {"rule": "slow-pages", "why": "fires", "says": f"It would fire at once: {said}."}
    common = {"release": "0.1.0", "place": "erp:/guide", "folder": "/guide", "author": "asha (file)"}
    Version.objects.create(
        number=1, digest="a" * 64, texts=texts, at=now - timedelta(days=4), state="standing", **common
    )
    Version.objects.create(
        number=2, digest="b" * 64, texts=lower, at=now - 9 * MINUTE, state="waiting", over=1, changes=[change],
        reasons=[reason], held_at=now, **common,
    )  # fmt: skip
    Version.objects.create(
        number=3, digest="c" * 64, texts={**lower, "odd.yaml": said}, at=now - MINUTE, state="refused", over=1,
        mistakes=[f"odd.yaml:1:1: A guide's file is a table of sections: {said}"], held_at=now, **common,
    )  # fmt: skip
    noticed.refresh(now=now)


def readings(guide: Guide, now: datetime, *, minutes: int = 360) -> None:
    """Keep six hours of readings with a gap of half an hour and a fall at the end."""
    end = now.replace(second=0, microsecond=0)
    rows: list[dict[str, object]] = []
    for measure in (guide.measures["system_up"], guide.measures["login_ms"]):
        Watermark.objects.create(
            measure=measure.name,
            sql_hash=sql_hash(measure),
            received_to=now,
            filled_from=end - minutes * MINUTE,
            read_at=now,
        )
    for back in range(minutes):
        if 200 <= back < 230:
            continue
        minute = end - back * MINUTE
        bad = back < 14
        rows.append(_reading(guide, "system_up", minute, {}, num=2.9 if bad else 4.0, den=4.0))
        for probe, base in (("login", 180.0), ("health", 44.0)):
            wave = base * (1 + ((back * 37) % 29) / 40) + (2600 if bad and probe == "login" else 0)
            rows.append(_reading(guide, "login_ms", minute, {"probe": probe}, num=wave, den=0.0))
    store.insert("readings", rows)
    says = "99.61 % over 30 d, not above 99.9 %"
    Verdict.objects.create(item="kpi:availability", at=now, known="known", value=0.9961, met=False, says=says)
    Verdict.objects.create(item="alert:system-down", at=now, known="known", value=0.714, met=False, says="71.4 %")


def _reading(
    guide: Guide, name: str, minute: datetime, labels: dict[str, str], *, num: float, den: float
) -> dict[str, object]:
    return {
        "measure": name,
        "sql_hash": sql_hash(guide.measures[name]),
        "labels": labels,
        "labels_key": label_sets.key(labels),
        "minute": minute,
        "num": num,
        "den": den,
        "n": 4,
        "computed_at": minute,
        "at": minute,
        "received_at": minute,
    }


def _rule(name: str, phase: str, now: datetime) -> Rule:
    return Rule.objects.create(
        name=name, phase=phase, since=now - timedelta(days=4), evaluated_at=now - timedelta(seconds=2), known="known"
    )


def _no_source(now: datetime) -> None:
    rule = _rule("database-down", "live", now)
    Rule.objects.filter(pk=rule.pk).update(known="no_source", says="The ERP's database is not set up")
    found = _alert(
        rule, {}, "unknown", now - timedelta(days=4), now, value=None, says="The ERP's database is not set up"
    )
    Alert.objects.filter(pk=found.pk).update(known="no_source")


def _alert(
    rule: Rule, labels: dict[str, str], state: str, since: datetime, now: datetime, *, value: float | None, says: str
) -> Alert:
    key = f"{rule.name}{{{label_sets.key(labels)}}}" if labels else rule.name
    return Alert.objects.create(
        rule=rule,
        labels=labels,
        key=key,
        state=state,
        since=since,
        value=value,
        known="known",
        says=says,
        read_at=now - timedelta(seconds=2),
    )


def _change(alert: Alert, old: str, new: str, at: datetime, because: str) -> Transition:
    return Transition.objects.create(
        alert=alert, old=old, new=new, at=at, because=because, value=alert.value, known="known"
    )


def _not_sent(transition: Transition, receiver: str, because: str, at: datetime) -> None:
    Fate.objects.create(transition=transition, receiver=receiver, fate="not_sent", because=because, at=at)


def _message(receiver: str, title: str, at: datetime, *, state: str) -> Message:
    sent = state == "sent"
    message = Message.objects.create(
        key=f"{title} {at}",
        receiver=receiver,
        kind="firing",
        notice={"kind": "firing", "title": title, "lines": []},
        state=state,
        created_at=at,
        sent_at=at + timedelta(seconds=1) if sent else None,
        tries=1,
        next_at=None if sent else at + timedelta(hours=6),
        error="" if sent else "Slack did not answer within 10 s.",
    )
    if sent:
        _attempt(message, "sent", "", at)
    return message


def _attempt(message: Message, outcome: str, detail: str, at: datetime) -> None:
    Attempt.objects.create(
        message=message,
        receiver=message.receiver,
        at=at,
        ended_at=at + timedelta(seconds=1),
        outcome=outcome,
        detail=detail,
    )


def surveyed(guide: Guide, now: datetime, *, came: str = HOSTILE, states: tuple[str, ...] = ("found",)) -> Survey:
    """Keep a survey in which everything was found; what came back is hostile. `states` repeat over the findings."""
    findings = [
        FindingResult(
            name=each.name, title=each.title, state=states[at % len(states)], because=came,  # type: ignore[arg-type]
            asked=f"GET /{came}", came=came, at=now, source=each.source, means=each.means, do=each.do,
            snippet=each.snippet, tries=each.tries, hinders=[*each.hinders], limits=[*each.limits],
            concerns=[*each.concerns],
        )
        for at, each in enumerate(guide.findings.values())
    ]  # fmt: skip
    report = Report(
        began_at=now - timedelta(seconds=9), ended_at=now, by="ravi@example.org", tried=False, guide=guide.name,
        digest=guide.digest, findings=findings, rows=rows(guide, cover(guide, now=now), findings), tables={},
        grants=f"GRANT SELECT ON {came} TO nigrani_monitor;",
    )  # fmt: skip
    return Survey.objects.create(
        by="ravi@example.org", state="done", asked_at=now, ended_at=now, found=len(report.found()),
        report=msgspec.to_builtins(report),
    )  # fmt: skip
