"""A supervisor over small stand-in children, run as a program: `python tests/node/fakes.py HOME [tether] [stores]`.

With `stores` the first two children are the real ones, PostgreSQL and telemetry.

Each child is a web server on a port of its own that writes `<run>/<name>.port`. Files in `<run>` change what it does:
`<name>.mute` accepts and never answers, `<name>.deaf` ignores SIGTERM, `<name>.exit` ends at start with the code in it.
"""

from __future__ import annotations

import http.server
import os
import signal
import sys
import threading
from pathlib import Path

from nigrani.lib import log
from nigrani.lib.home import Home
from nigrani.node import pulse, standing
from nigrani.node.child import Child, Command, Mistake
from nigrani.node.supervisor import Supervisor

NAMES = ("first", "second", "third")


def child(run: Path, name: str) -> None:
    """Be a child until SIGTERM; leave a grandchild in the same group behind when killed."""
    if (run / f"{name}.exit").exists():
        sys.stderr.write("The guide has 1 mistake.\nguide.yaml:3:1: no such thing\n")
        sys.exit(int((run / f"{name}.exit").read_text()))
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: None if (run / f"{name}.deaf").exists() else stop.set())
    grandchild = os.fork()
    if grandchild == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pause()
    (run / f"{name}.grandchild").write_text(str(grandchild))

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if (run / f"{name}.mute").exists():
                stop.wait()
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (run / f"{name}.port").write_text(str(server.server_port))
    with (run / "order").open("a") as order:
        order.write(f"+{name}\n")
    stop.wait()
    with (run / "order").open("a") as order:
        order.write(f"-{name}\n")
    os.kill(grandchild, signal.SIGKILL)


def spec(home: Home, name: str) -> Child:
    """Return the child's description."""

    def target() -> pulse.Target | None:
        port = pulse.port_from(home.run / f"{name}.port")
        return pulse.http("127.0.0.1", port, "/") if port else None

    argv = (sys.executable, __file__, "child", str(home.run), name)
    return Child(
        name=name,
        command=lambda: Command(argv, cwd=home.path, env=os.environ),
        target=target,
        stop_within_s=3,
        hung_after_s=1,
        start_within_s=20,
        mistakes=frozenset({2}),
        setbacks=frozenset({3}),
        forget=(home.run / f"{name}.port",),
    )


def main(path: Path, *, tether: bool, stores: bool) -> int:
    """Supervise the three."""
    from nigrani.node import children
    from nigrani.node import life as rules

    rules.ASK_WHEN_READY_S = 0.3
    home = Home(path)
    os.umask(0o077)
    home.ensure()
    log.set_up()
    try:
        with standing.held(home):
            specs = [spec(home, name) for name in NAMES]
            if stores:
                specs[:2] = children.of(home, os.environ)[:2]
            for life in (supervisor := Supervisor(home, specs, environ=os.environ, tether=tether)).lives:
                life.pulse, life.first_pause_s = pulse.Pulse(patience_s=0.3), 0.1
            return supervisor.run()
    except Mistake as mistake:
        sys.stderr.write(f"{mistake}\n")
        return mistake.code


if __name__ == "__main__":
    if sys.argv[1] == "child":
        child(Path(sys.argv[2]), sys.argv[3])
    else:
        sys.exit(main(Path(sys.argv[1]), tether="tether" in sys.argv, stores="stores" in sys.argv))
