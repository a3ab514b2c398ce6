"""10,000 alerts in one storm: to state on disk and to grouped notifications, beside Debian's prometheus-alertmanager.

Ours begins with readings that are all bad and ends when a webhook has been told of all: windows merged, 10,000 alerts
judged, their transitions and fates committed, ten messages sent. As in the app, messages are sent by a thread of their
own while the pass goes on to make reminders; that rest is shown, and not on the way to anybody. Theirs begins with the
POST of the same alerts as JSON and ends when a webhook has got them all; its state is in memory. Each waits for nobody:
group_wait is 0 s, and since its first flush may hold but the first few, group_interval is 1 s. Rounds alternate; the
medians are compared. CPU seconds stand beside, for a machine that others use too. Goal: at most twice its time.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import perf_counter
from typing import Any

from bench.series import cpu_s, own_cpu_s, platform

SERIES, RULES = 1000, 10
ROUNDS = int(os.environ.get("ROUNDS", "5"))
GOAL = 2.0
START = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
_ALERTMANAGER = ("prometheus-alertmanager", "alertmanager")

_HEAD = """
guide: 1
name: Bench
zone: Asia/Kolkata
people: {lead: {title: The lead, receivers: [hook]}}
receivers: {hook: {send: webhook, url: "${BENCH_HOOK}"}}
sources:
  yard: {kind: web, title: The yard, base: "http://127.0.0.1:9", stale_after: 1h, probes: {home: {path: /}}}
measures:
  answered:
    means: Share of answers that are right.
    needs: [yard]
    unit: ratio
    combine: ratio
    by: [probe]
    sql: |
      SELECT toStartOfMinute(at) AS minute, probe, countIf(outcome = 'ok') AS num, count() AS den, count() AS n
      FROM probes FINAL WHERE source = 'yard' AND at >= {start:DateTime64(3)} AND at < {end:DateTime64(3)}
      GROUP BY minute, probe
alerts:
"""
_RULE = """  down-{}: {{title: Down, means: It is down., urgency: high,
    when: {{measure: answered, over: 5m, below: 90%}}, owner: lead, action: Look., starts: live}}
"""


@dataclass
class Hook:
    """A webhook that counts what it is told. `counts` says how many alerts one body is about. at: of the last."""

    counts: Callable[[Any], int]
    got: int = 0
    calls: int = 0
    at: float = 0.0
    _more: threading.Condition = field(default_factory=threading.Condition)

    def take(self, body: bytes) -> None:
        """Count one notification."""
        count = self.counts(json.loads(body))
        with self._more:
            self.got, self.calls = self.got + count, self.calls + 1
            self.at = perf_counter()
            self._more.notify_all()

    def wait(self, count: int) -> None:
        """Wait until this many alerts were told."""
        with self._more:
            if not self._more.wait_for(lambda: self.got >= count, timeout=120):
                raise RuntimeError(f"only {self.got} of {count} alerts arrived")


@contextmanager
def serving(hook: Hook) -> Iterator[str]:
    """Serve the hook on a port of loopback and yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")
            hook.take(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def _ours_told(body: Any) -> int:
    """Read from the title how many alerts a message is about: "[high] Down — 1000: p0, p1, …"."""
    return int(body["title"].partition("— ")[2].partition(":")[0].replace(",", ""))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def alertmanager(program: str, hook: str) -> Iterator[tuple[int, int]]:
    """Run an alertmanager that tells the hook, and yield its port and its pid."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "alertmanager.yml"
        config.write_text(
            "route: {receiver: hook, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 4h}\n"
            f"receivers: [{{name: hook, webhook_configs: [{{url: '{hook}', send_resolved: false}}]}}]\n"
        )
        port = _free_port()
        process = subprocess.Popen(
            [
                program, f"--config.file={config}", f"--storage.path={folder}/data", "--cluster.listen-address=",
                f"--web.listen-address=127.0.0.1:{port}", "--log.level=error",
            ],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            _until_ready(process, port)
            yield port, process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


def _until_ready(process: subprocess.Popen[bytes], port: int) -> None:
    pause = threading.Event()
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError("the alertmanager ended at once")
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
            connection.request("GET", "/-/ready")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pause.wait(0.1)
    raise RuntimeError("the alertmanager never became ready")


def theirs(port: int, hook: Hook, turn: int) -> float:
    """Post 10,000 alerts and return the seconds until the hook has got them all."""
    alerts = [
        {
            "labels": {"alertname": f"down-{turn}-{rule}", "probe": f"p{series}", "severity": "high"},
            "annotations": {"summary": "0 % over 5 min is below 90 %."},
            "startsAt": datetime.now(UTC).isoformat(),  # noqa: TID251 - theirs, not ours
        }
        for rule in range(RULES)
        for series in range(SERIES)
    ]
    body = json.dumps(alerts).encode()
    hook.got = hook.calls = 0
    began = perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/api/v2/alerts", body, {"Content-Type": "application/json"})
    if (status := connection.getresponse().status) != 200:
        raise RuntimeError(f"the alertmanager answered {status}")
    hook.wait(SERIES * RULES)
    return perf_counter() - began


@contextmanager
def _delivering(deliver: Callable[[], int]) -> Iterator[None]:
    """Send what is due again and again, in a thread of its own, as the app does."""
    stop = threading.Event()

    def turn() -> None:
        from django.db import connection

        while not stop.wait(0.05):
            deliver()
        connection.close()

    thread = threading.Thread(target=turn)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


class Ours:
    """Our two stores with readings that are all bad, and a storm as often as wanted."""

    def __init__(self, hook: Hook, address: str) -> None:
        from nigrani import guide as guides
        from nigrani.lib.secret import Secret, Vault
        from nigrani.measures import readings
        from nigrani.schedule import vocabulary
        from nigrani.sources.models import Source
        from nigrani.telemetry import store

        folder = Path(tempfile.mkdtemp(prefix="nigrani-storm-guide-"))
        (folder / "guide.yaml").write_text(_HEAD + "".join(_RULE.format(number) for number in range(RULES)))
        vault = Vault(folder / "secrets")
        (folder / "secrets").mkdir(mode=0o700)
        vault.put("BENCH_HOOK", Secret(address))
        self.guide = guides.load(folder, vocabulary=vocabulary(), vault=vault)
        shutil.rmtree(folder)
        self.hook, self.now = hook, START
        Source.objects.create(name="yard", kind="web", created_at=START, last_ok_at=START + timedelta(hours=1))
        store.insert(
            "probes",
            [
                {
                    "at": START, "received_at": START, "id": f"f{series}", "source": "yard", "probe": f"p{series}",
                    "outcome": "fail",
                }
                for series in range(SERIES)
            ],
        )  # fmt: skip
        readings.compute(self.guide, now=START)

    def storm(self) -> dict[str, float]:
        """Let everything fire at once. Returns the seconds until the state stands and all is told, and the rest."""
        from nigrani.alerts import actions as alerts
        from nigrani.alerts.models import Fate, Transition
        from nigrani.measures import windows
        from nigrani.outbox import actions as outbox

        self._forget()
        windows._cache.rows.clear()  # as on a pass whose readings are new
        windows._cache.values.clear()
        self.hook.got = self.hook.calls = 0
        marks = [perf_counter()]
        alerts.evaluate(self.guide, now=self.now)
        marks.append(perf_counter())
        with _delivering(lambda: outbox.deliver_due(self.guide, now=self.now)):
            alerts.dispatch(self.guide, now=self.now)
            marks.append(perf_counter())
            self.hook.wait(SERIES * RULES)
        if (Transition.objects.count(), Fate.objects.count()) != (SERIES * RULES, SERIES * RULES):
            raise RuntimeError("not every alert is on disk")
        began, judged, ended = marks
        return {"state": judged - began, "told": self.hook.at - began, "rest": max(0.0, ended - self.hook.at)}

    def _forget(self) -> None:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(
                "TRUNCATE alerts_rule, alerts_alert, alerts_transition, alerts_fate, alerts_thread, alerts_reminder,"
                " outbox_message, outbox_attempt CASCADE"
            )


def main() -> int:
    """Print each round and the ratio of the medians; 1 if it is over the goal or there is no peer."""
    program = next(filter(None, map(shutil.which, _ALERTMANAGER)), None)
    our_hook, their_hook = Hook(_ours_told), Hook(lambda body: len(body["alerts"]))
    ours_s: list[float] = []
    theirs_s: list[float] = []
    with serving(our_hook) as our_address, serving(their_hook) as their_address, platform() as pids:
        ours = Ours(our_hook, our_address)
        ours.storm()  # the first one compiles and connects
        for turn in range(ROUNDS):
            used = -own_cpu_s() - sum(map(cpu_s, pids.values()))
            took = ours.storm()
            used += own_cpu_s() + sum(map(cpu_s, pids.values()))
            ours_s.append(took["told"])
            print(
                f"ours:   {', '.join(f'{name} {seconds:.2f} s' for name, seconds in took.items())}; {used:.1f} s CPU",
                flush=True,
            )
            if program is not None:
                with alertmanager(program, their_address) as (port, pid):
                    theirs_s.append(theirs(port, their_hook, turn))
                    used = cpu_s(pid)
                calls = their_hook.calls
                print(f"theirs: {theirs_s[-1]:.2f} s in {calls} notifications; {used:.1f} s CPU", flush=True)
    if not theirs_s:
        print("The peer is not installed, so there is no ratio: apt install prometheus-alertmanager")
        return 1
    ratio = statistics.median(ours_s) / statistics.median(theirs_s)
    print(
        f"{SERIES * RULES:,} alerts: ours {statistics.median(ours_s):.2f} s,"
        f" theirs {statistics.median(theirs_s):.2f} s; ratio {ratio:.2f} (goal: at most {GOAL})"
    )
    return 0 if ratio <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
