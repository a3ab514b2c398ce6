"""Processes of this machine by pid: whether one still is who it was, its kin, and the memory it truly costs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_PROC = Path("/proc")
HAS_PROC = (_PROC / "self" / "stat").exists()


def _stat(pid: int) -> list[str]:
    # The name stands in brackets and may hold spaces and brackets itself; the rest follows the last one.
    return (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()


def mark(pid: int) -> str:
    """Return what tells this process from a later one with the same pid (when it started), or "" if it is gone.

    A zombie is gone: it only waits to be counted.
    """
    if HAS_PROC:
        try:
            fields = _stat(pid)
        except (OSError, IndexError):
            return ""
        return "" if fields[0] in "ZX" else fields[19]
    told = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    state, _, began = told.partition(" ")
    return "" if state.startswith("Z") else began.strip()


def is_running(pid: int, known: str) -> bool:
    """Whether the process that had this mark still runs."""
    return bool(known) and mark(pid) == known


def children(pid: int) -> list[int]:
    """Return the pids of a process's children, also those it adopted. Empty where there is no /proc."""
    found: list[int] = []
    try:
        for task in (_PROC / str(pid) / "task").iterdir():
            found += map(int, (task / "children").read_text().split())
    except OSError:
        return found
    return found


def tree(pid: int) -> list[int]:
    """Return a process and everything below it."""
    return [pid, *(below for child in children(pid) for below in tree(child))]


def pss_bytes(pid: int) -> int | None:
    """Return the memory of one process, shared pages counted by share (PSS), or None when it can't be read."""
    try:
        text = (_PROC / str(pid) / "smaps_rollup").read_text()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:")), None)


def tree_pss_bytes(pid: int) -> int | None:
    """Return the memory of a process and everything below it, or None when nothing can be read."""
    known = [size for size in map(pss_bytes, tree(pid)) if size is not None]
    return sum(known) if known else None


def rss_bytes() -> int:
    """Return the resident memory of this process; 0 where there is no /proc."""
    try:
        return int((_PROC / "self" / "statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
    except OSError:
        return 0
