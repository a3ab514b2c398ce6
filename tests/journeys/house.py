"""A whole installation and its school, as a journey meets it: broken and mended from outside, looked at in its stores.

The guide is the shipped one made brisk: the same rules, asked each second and held for seconds instead of minutes.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg.rows import dict_row
from tests.eventually import eventually
from tests.node.upping import Up

from nigrani import guide as guides
from nigrani.demo import stage
from nigrani.demo.yard import Yard
from nigrani.integrations import REPEAT_NOTE
from nigrani.integrations.postgres import roles
from nigrani.lib.home import Home
from nigrani.lib.secret import Secret
from nigrani.node import postgres
from nigrani.telemetry.store import Store

HEALTH = "endpoint-down{probe=health}"
LOGIN = "endpoint-down{probe=login}"
OWN_STORES = {"NIGRANI_CLICKHOUSE_URL": "", "NIGRANI_DATABASE_URL": ""}  # a test session points at stores of its own
CANARY = "kanarienvogel7Q"
_BRISK = {
    "website.yaml": (
        ("every: 15s", "every: 1s"),
        ("timeout: 10s", "timeout: 3s"),
        ("every: 45s", "every: 1s"),
        # Of one endpoint alone, and without its cause, so that each change is a message of its own.
        ("    effect_of: [system-down]\n    owner: on-call-dev", "    owner: on-call-dev"),
        ("below: 50%, only: {probe: [health, login]}}", "below: 50%, only: {probe: [health]}}"),
        ("hold: 2m\n    clear: {above: 50%, hold: 1m}", "hold: 4s\n    clear: {above: 50%, hold: 1s}"),
        ("runbook: system-down\n    starts: shadow", "runbook: system-down\n    starts: live"),
    ),
    "database.yaml": (
        ("    every: 15s\n    timeout: 5s", "    every: 1s\n    timeout: 3s"),
        ("{ask: connections, every: 30s}", "{ask: connections, every: 2s}"),
    ),
    "guide.yaml": (
        ("every: 30s", "every: 2s"),
        # What is broken again and again on purpose is told each time.
        ("zone: Asia/Kolkata\n", "zone: Asia/Kolkata\ntelling: {flapping: {changes: 1000}}\n"),
    ),
}


def make_brisk(folder: Path) -> None:
    """Write the brisk copy of the shipped guide."""
    shutil.copytree(guides.shipped(), folder)
    for name, changes in _BRISK.items():
        text = (folder / name).read_text()
        for old, new in changes:
            assert text.count(old) == 1, f"{name} has {text.count(old)} times {old!r}"
            text = text.replace(old, new)
        (folder / name).write_text(text)


@dataclass
class House:
    """The school, the home, and what runs on it. extra: settings beside those of the home itself."""

    yard: Yard
    home: Home
    console: str
    extra: Mapping[str, str] = field(default_factory=dict)
    up: Up = field(init=False)

    def start(self) -> None:
        """Start `nigrani up` and wait until everything is ready."""
        self.up = Up(self.home, "-m", "nigrani.cli", "up", env=self.environ())
        eventually(lambda: self.up.process.poll() is not None or self.up.all_ready(), timeout_s=60)
        assert self.up.all_ready()

    def environ(self) -> dict[str, str]:
        """Return what a process of this home needs beside the session's own environment."""
        listen = self.console.removeprefix("http://")
        return OWN_STORES | {"NIGRANI_HOME": str(self.home.path), "NIGRANI_LISTEN": listen} | dict(self.extra)

    def run(self, *words: str, said: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command of the command line on this home."""
        return run(self.home, *words, said=said, **self.environ())

    def kill(self, name: str) -> None:
        """Kill a process with SIGKILL; the supervisor too, by its name."""
        if name == "supervisor":
            self.up.process.kill()
            self.up.process.wait()
        else:
            os.kill(self.up.entry(name).pid, signal.SIGKILL)

    def ask(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """Read from the state database."""
        with psycopg.connect(postgres.url(self.home), row_factory=dict_row, connect_timeout=5) as connection:
            return connection.execute(sql.encode(), values).fetchall()

    def facts(self, sql: str) -> list[dict[str, Any]]:
        """Read from telemetry."""
        return Store.of(self.home).query(sql)

    def state(self, key: str) -> str:
        """Return an alert's state; "" before it ever left ok."""
        found = self.ask("SELECT state FROM alerts_alert WHERE key = %s", key)
        return str(found[0]["state"]) if found else ""

    def becomes(self, key: str, *states: str, timeout_s: float = 30) -> None:
        """Wait until an alert is in one of these states."""
        eventually(lambda: self.state(key) in states, timeout_s=timeout_s)

    def story(self, key: str, *, after: int = 0) -> list[str]:
        """Return the states an alert went through, by its transitions after an id."""
        found = self.ask(
            "SELECT t.new FROM alerts_transition t JOIN alerts_alert a ON a.id = t.alert_id"
            " WHERE a.key = %s AND t.id > %s ORDER BY t.id",
            key, after,
        )  # fmt: skip
        return [str(row["new"]) for row in found]

    def last_transition(self) -> int:
        """Return the id of the newest transition."""
        return int(self.ask("SELECT coalesce(max(id), 0) AS id FROM alerts_transition")[0]["id"])

    def slack(self) -> list[dict[str, Any]]:
        """Return what the channel took, oldest first."""
        return [item for item in self.yard.journal("slack") if item["accepted"]]

    def told(self, kind: str, key: str, *, after: int = 0) -> list[str]:
        """Return the channel's messages of a kind about an alert, from the item numbered above `after` on."""
        return [
            text
            for item in self.slack()
            if item["n"] > after and is_about(text := words(item), key) and is_resolved(item) == (kind == "resolved")
        ]

    def newest(self) -> int:
        """Return the number of the newest item in the channel's journal."""
        return max((int(item["n"]) for item in self.yard.journal("slack")), default=0)

    def settle(self) -> None:
        """Wait until both endpoints are believed to be up and nothing of them is open."""
        for key in (HEALTH, LOGIN):
            self.becomes(key, "ok", "", timeout_s=60)
        eventually(lambda: self.website() == {"up"}, timeout_s=30)

    def website(self) -> set[str]:
        """Return what is believed of the website's two endpoints."""
        return {
            "suspect" if row["suspect"] else str(row["state"])
            for row in self.ask("SELECT state, suspect FROM sources_probe WHERE probe IN ('health', 'login')")
        }


def words(item: Mapping[str, Any]) -> str:
    """Return all the text of a Slack message."""
    blocks = item["payload"].get("blocks", ())
    return "\n".join([str(item["text"]), *(str(block["text"]["text"]) for block in blocks if "text" in block)])


def is_about(text: str, key: str) -> bool:
    """Whether a message is about this alert."""
    return f"*Alert:* {key}\n" in f"{text}\n"


def is_resolved(item: Mapping[str, Any]) -> bool:
    """Whether a message says that something is over."""
    return "esolved" in str(item["text"])[:20]


def each_told_once(house: House) -> None:
    """Whatever fired is told once, and what is over is told once; a second copy says that it may be one."""
    eventually(lambda: _told_otherwise(house) == [], timeout_s=20)


def _told_otherwise(house: House) -> list[str]:
    """Return how the channel's journal differs from what the stores hold of alerts that send."""
    changes = house.ask(
        "SELECT a.key, t.old, t.new FROM alerts_transition t JOIN alerts_alert a ON a.id = t.alert_id"
        " JOIN alerts_rule r ON r.id = a.rule_id WHERE r.phase = 'live'"
    )
    loud = ("firing", "recovering")
    wanted: Counter[tuple[str, str]] = Counter()
    for change in changes:
        if change["new"] == "firing" and change["old"] not in loud:
            wanted["firing", change["key"]] += 1
        if change["new"] == "ok" and change["old"] in loud:
            wanted["resolved", change["key"]] += 1
    found = []
    for (kind, key), count in wanted.items():
        said = house.told(kind, key)
        first = [text for text in said if REPEAT_NOTE not in text]
        if not len(first) <= count <= len(said) <= 2 * count:
            found.append(f"{kind} {key}: {count} by the stores, {len(said)} told, {len(said) - len(first)} as repeats")
    for item in house.slack():
        if not any(is_about(words(item), key) for _, key in wanted):
            found.append(f"nothing in the stores: {item['text']}")
    return found


def run(home: Home, *said_words: str, said: str | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the command line on a home of its own."""
    return subprocess.run(
        [sys.executable, "-m", "nigrani.cli", *said_words],
        env=os.environ | OWN_STORES | {"NIGRANI_HOME": str(home.path)} | environ,
        input=said if said is not None else "",
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def canaries(found: stage.Stage) -> dict[str, str]:
    """Return every secret a home can have, each with the canary in it; those of receivers are mostly wrong."""
    receivers, database = found.yard.state["receivers"], found.yard.state["database"]
    with psycopg.connect(database["superuser_dsn"], autocommit=True) as connection:
        connection.execute(f"ALTER ROLE {roles.MONITOR} PASSWORD '{CANARY}-monitor'".encode())
    held = found.home.vault.get("ERP_DATABASE_URL")
    assert held is not None
    parts = urlsplit(held.reveal())
    slack, ping = receivers["slack"]["webhook_url"], receivers["deadman"]["ping_url"]
    own = ("POSTGRES_PASSWORD", "TELEMETRY_PASSWORD", "SIGNING_KEY", "LEDGER_KEY", "ALERT_WEBHOOK_KEY", "SMTP_PASSWORD")
    return {name: f"{CANARY}-{name.lower().replace('_', '-')}" for name in own} | {
        "ERP_DATABASE_URL": f"postgresql://{roles.MONITOR}:{CANARY}-monitor@{parts.hostname}:{parts.port}{parts.path}",
        "SLACK_WEBHOOK_URL": f"{slack}?{CANARY}",
        "SLACK_DEVOPS_WEBHOOK_URL": f"{slack.rpartition('/')[0]}/{CANARY}",
        "NIGRANI_DEAD_MAN_URL": f"{ping}?{CANARY}",
        "ALERT_WEBHOOK_URL": f"{receivers['hook']['url'].rstrip('/')}/{CANARY}",
        "ALERT_WEBHOOK_AUTHORIZATION": f"Bearer {CANARY}",
        "APPRISE_URL": f"json://{CANARY}:{CANARY}@127.0.0.1:9/{CANARY}",
        "ALERT_MAIL_TO": "on-call@example.in",
        "ALERT_MAIL_FROM": "nigrani@example.in",
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(receivers["smtp"]["port"]),
        "SMTP_SECURITY": "starttls",  # which this mail server does not speak
        "SMTP_USERNAME": "nigrani",
    }


@contextmanager
def opened(
    secrets: Callable[[stage.Stage], Mapping[str, str]] | None = None,
    *,
    start: bool = True,
    folder: Path | None = None,
    extra: Mapping[str, str] | None = None,
) -> Iterator[House]:
    """Open a school and a house that watches it by the brisk guide.

    secrets: put in place before the first start. folder: where both homes go; a temporary one if None.
    extra: settings beside those of the home itself.
    """
    with stage.set_up(watched=False, folder=folder) as found:
        make_brisk(found.home.guide)
        for name, value in (secrets(found) if secrets else {}).items():
            found.home.vault.put(name, Secret(value))
        house = House(found.yard, found.home, found.console, extra or {})
        try:
            if start:
                house.start()
            yield house
        finally:
            if hasattr(house, "up"):
                house.up.end()
