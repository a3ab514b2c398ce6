"""A small guide of the tests' own, and persons of every role."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from django.test import Client

from nigrani import guide as guides
from nigrani.access.models import Person, Role
from nigrani.guide import current
from nigrani.guide.model import Guide
from nigrani.lib import clock
from nigrani.lib.secret import Vault
from nigrani.versions import noticed
from nigrani.vocabulary import vocabulary as vocabulary

REPOSITORY = Path(__file__).parents[2]
PASSWORD = "three quiet lamps"
CANARIES = {
    "WORLD_SLACK_URL": "http://127.0.0.1:9/canary-slack-5b1f",
    "WORLD_HOOK_URL": "http://127.0.0.1:9/canary-hook-77aa",
    "WORLD_TOKEN": "canary-token-c0ffee",
    "WORLD_DEAD_MAN": "http://127.0.0.1:9/canary-dead-man-90",
}

FILES = {
    "guide.yaml": """\
guide: 1
name: SikshaMitra ERP
zone: Asia/Kolkata
dead_man: {url: "${WORLD_DEAD_MAN}", every: 30s}
reference: ["http://127.0.0.1:9/"]
""",
    "people.yaml": """\
people:
  devops-lead: {title: DevOps Lead, receivers: [production-alerts, spare]}
  tech-lead: {title: Tech Lead, receivers: [production-alerts]}
receivers:
  production-alerts: {send: slack, title: "#production-alerts", webhook_url: "${WORLD_SLACK_URL}"}
  spare: {send: webhook, title: The spare pager, url: "${WORLD_UNSET_URL}"}
""",
    "website.yaml": """\
# What parents and teachers see first.
sources:
  website:
    kind: web
    title: The ERP's website
    every: 15s
    timeout: 10s
    stale_after: 1m
    base: "http://127.0.0.1:9"
    secret_headers: {Authorization: "${WORLD_TOKEN}"}
    probes:
      login: {path: /login, expect: {body: School code}}
      health: {path: /api/health, every: 30s}
  database:
    kind: postgres
    title: The ERP's database
    stale_after: 2m
    dsn: "${WORLD_UNSET_DSN}"
    probes:
      responsive: {ask: responsive}

measures:
  system_up:
    means: Share of the website's answers that were right.
    needs: [website]
    unit: ratio
    combine: ratio
    covers: [K01]
    sql: |
      SELECT toStartOfMinute(at) AS minute, countIf(outcome = 'ok') AS num, count() AS den, count() AS n
      FROM probes WHERE source = 'website' AND at >= {start:DateTime64(3)} AND at < {end:DateTime64(3)}
      GROUP BY minute
  login_ms:
    means: The slowest answer of each probe.
    needs: [website]
    unit: ms
    combine: max
    by: [probe]
    sql: |
      SELECT toStartOfMinute(at) AS minute, probe, max(total_ms) AS num, count() AS n
      FROM probes WHERE source = 'website' AND at >= {start:DateTime64(3)} AND at < {end:DateTime64(3)}
      GROUP BY minute, probe
  database_up:
    means: Whether the database answers.
    needs: [database]
    unit: ratio
    combine: ratio
    sql: |
      SELECT toStartOfMinute(at) AS minute, countIf(outcome = 'ok') AS num, count() AS den, count() AS n
      FROM probes WHERE source = 'database' AND at >= {start:DateTime64(3)} AND at < {end:DateTime64(3)}
      GROUP BY minute

alerts:
  system-down:
    title: System Down
    means: Nobody can use the ERP.
    covers: [A01]
    urgency: critical
    when: {measure: system_up, over: 2m, below: 95%}
    hold: 1m
    clear: {above: 99%, hold: 2m}
    owner: devops-lead
    action: Investigate immediately.
    runbook: system-down
    starts: live
    examples:
      - {readings: "1*5 0*10", each: 1m, expect: firing at 8m}
  slow-pages:
    title: Pages are slow
    means: Parents wait, and some give up.
    covers: [{C05: the website only}]
    urgency: high
    when: {measure: login_ms, over: 5m, above: 2s}
    hold: 5m
    owner: tech-lead
    action: Look at the slowest page first.
  database-down:
    title: Database Down
    means: Nothing can be read or written.
    covers: [A02]
    urgency: critical
    when: {measure: database_up, over: 2m, below: 50%}
    owner: devops-lead
    action: Restore from backup.
    runbook: system-down
    starts: live
    examples:
      - {readings: "1*5 0*10", each: 1m, expect: firing at 8m}

checks:
  uptime: {title: System uptime is 99.9 % or more, covers: [C04], measure: system_up, over: 24h, expect: {above: 99.9%}}
kpis:
  availability: {title: Availability, covers: [K01], measure: system_up, objective: {above: 99.9%, over: 30d}}
tables:
  audit: {source: database, named: [audit_logs], columns: {id: id}}
findings:
  no-health-route:
    title: There is no health route
    means: What the guide says to watch is a 404 page.
    do: Add the route.
    snippet: export async function GET() {}
    concerns: [A01]
    source: website
    ask: {path: /api/health, found: {status: 404}, fine: {status: 200}}
  webhook-turned-away:
    title: The gateway is turned away
    means: Nothing is recorded.
    do: Exempt the route.
    hinders: [A03]
    source: website
    tries: Posts an unsigned event.
    ask: {path: /api/payments/webhook, method: POST, json: {event: survey}, found: {status: 403}, fine: {status: 400}}
  audit-empty:
    title: The audit table is empty
    means: Nothing is counted.
    do: Look at the writer.
    limits: [S01]
    source: database
    ask: {sql: "SELECT count(*) = 0 AS found FROM {audit}"}
truths:
  gateway: {rows: [A03], says: The gateway's own API., later: the payment gateway}
  answers: {rows: [A01, K01, C04], says: The website's answers., needs: [website]}
  audit: {rows: [S01, S02], says: The audit table., needs: [database]}
runbooks:
  system-down:
    title: The system is down
    steps:
      - Open the login page from a phone that is not on the office network.
      - Look at the host's status page and at the last deployment.
      - Roll the last deployment back if it is younger than the outage.
""",
}


@cache
def load() -> Guide:
    """Return the guide above. The canaries are its secrets; no page may ever show one."""
    folder = Path(tempfile.mkdtemp(prefix="nigrani-world-"))
    try:
        for name, text in FILES.items():
            (folder / name).write_text(text, encoding="utf-8")
        shutil.copy(REPOSITORY / "guide" / "rows.tsv", folder)
        for name, secret in CANARIES.items():
            path = folder / name
            path.write_text(secret)
            path.chmod(0o600)
        return guides.load(folder, vocabulary=vocabulary(), vault=Vault(folder))
    finally:
        shutil.rmtree(folder)


@contextmanager
def running() -> Iterator[Guide]:
    """Let the guide above be the one that runs."""
    loaded = load()
    current.set(loaded)
    noticed.forget()
    yield loaded
    current._current = None
    noticed.forget()


@cache
def shipped() -> Guide:
    """Return the guide that ships, with none of its secrets set."""
    return guides.load(guides.shipped(), vocabulary=vocabulary(), vault=Vault(Path("/nonexistent")))


def person(name: str, role: Role) -> Person:
    """Make a person who can sign in."""
    made = Person(email=f"{name.lower()}@example.org", name=name, role=role, joined_at=clock.now())
    made.set_password(PASSWORD)
    made.save()
    return made


def client_of(who: Person) -> Client:
    """Return a browser of somebody who is signed in."""
    client = Client()
    client.force_login(who, backend="django.contrib.auth.backends.ModelBackend")
    return client
