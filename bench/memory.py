"""What everything costs in memory when it has nothing to do: `python bench/memory.py [seconds]`.

Starts `nigrani up` on an empty home with the shipped guide, waits (60 s unless told otherwise) and prints the PSS of
each process with what it started: shared pages counted by share. Other programs that map the same libraries (a test
run beside it) make PSS smaller, so the last line counts every page of a file once, as on a machine of its own. That
figure is held against the promise; exits with 1 over it.
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
    print(f"{'PSS':<11}{sum(sizes.values()) / 2**20:7.1f} MB after {rest_s:.0f} s idle")
    alone = _alone([up.pid, *(pid for entry in told.children.values() for pid in pids.tree(entry.pid))])
    print(f"{'alone':<11}{alone / 2**20:7.1f} MB of {PROMISED_BYTES / 2**20:.0f} MB promised")
    return 0 if alone <= PROMISED_BYTES else 1


def _alone(ours: list[int]) -> int:
    """Return the bytes of these processes if nobody else ran: our own pages, and each page of a file once."""
    own, files = 0, dict[tuple[str, str], int]()
    for pid in ours:
        try:
            rollup = dict(_fields(Path(f"/proc/{pid}/smaps_rollup")))
            lines = Path(f"/proc/{pid}/smaps").read_text().splitlines()
        except OSError:  # a worker of PostgreSQL's that ended meanwhile
            continue
        own += rollup["Pss_Anon"] + rollup["Pss_Shmem"]
        mapping = ("", "")
        resident = 0
        for line in lines:
            words = line.split()
            if not words[0].endswith(":"):  # address perms offset device inode path
                mapping = (words[5], words[2]) if len(words) > 5 and words[4] != "0" else ("", "")
            elif words[0] == "Rss:":
                resident = int(words[1]) * 1024
            elif words[0] == "Anonymous:" and mapping[0] and not mapping[0].startswith(("/dev/zero", "/SYSV")):
                files[mapping] = max(files.get(mapping, 0), resident - int(words[1]) * 1024)
    return own + sum(files.values())


def _fields(path: Path) -> list[tuple[str, int]]:
    lines = [line.split() for line in path.read_text().splitlines()[1:]]
    return [(words[0].rstrip(":"), int(words[1]) * 1024) for words in lines]


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 60))
