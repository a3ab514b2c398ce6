"""What everything costs in memory when it has nothing to do: `python bench/memory.py [seconds]`.

Starts `nigrani up` on an empty home with the shipped guide, waits (60 s unless told otherwise) and prints the PSS of
each process with what it started: shared pages counted by share, so that the sum is what the machine pays. Exits
with 1 over the promise.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from nigrani.lib.home import Home
from nigrani.node import pids, standing
from nigrani.node.doctor.machine import PROMISED_BYTES

_START_S = 120


def main(rest_s: float) -> int:
    """Measure once; returns the exit code."""
    folder = Path(tempfile.mkdtemp(prefix="nigrani-memory-"))
    folder.chmod(0o711)  # as root, PostgreSQL's user must pass
    home = Home(folder)
    with socket.create_server(("127.0.0.1", 0)) as free:
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    env = {key: value for key, value in os.environ.items() if not key.startswith("NIGRANI_")}
    env |= {"NIGRANI_HOME": str(folder), "NIGRANI_LISTEN": listen}
    up = subprocess.Popen(
        [sys.executable, "-c", "from nigrani.cli import main; main()", "up"], env=env, stderr=subprocess.DEVNULL
    )
    try:
        return _measure(home, up, rest_s)
    finally:
        up.send_signal(signal.SIGTERM)
        up.wait()
        shutil.rmtree(folder)


def _measure(home: Home, up: subprocess.Popen[bytes], rest_s: float) -> int:
    pause = threading.Event()
    for _ in range(_START_S * 10):
        told = standing.read(home)
        if told and len(told.children) == 3 and all(entry.state == "ready" for entry in told.children.values()):
            break
        if up.poll() is not None:
            print("It did not start: see `nigrani up`.")
            return 1
        pause.wait(0.1)
    else:
        print(f"It was not ready within {_START_S} s.")
        return 1
    pause.wait(rest_s)
    sizes = {"supervisor": pids.pss_bytes(up.pid) or 0}
    sizes |= {name: pids.tree_pss_bytes(entry.pid) or 0 for name, entry in told.children.items()}
    for name, size in sizes.items():
        print(f"{name:<11}{size / 2**20:7.1f} MB")
    total = sum(sizes.values())
    print(
        f"{'total':<11}{total / 2**20:7.1f} MB PSS after {rest_s:.0f} s idle; promised: {PROMISED_BYTES / 2**20:.0f} MB"
    )
    return 0 if total <= PROMISED_BYTES else 1


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 60))
