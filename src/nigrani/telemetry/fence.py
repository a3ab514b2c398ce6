"""A fence the kernel keeps (Linux Landlock): the engine's process reads and writes its own folders and calls nobody.

SQL is no boundary: the engine reads files by `file()` and writes them by `INTO OUTFILE`, also with readonly=1.
statement.py refuses both by their words; this makes what slips through fail. It holds for the thread that asks and
for all that it starts, for good, so it goes up before the engine is loaded.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_VERSION, _PATH_BENEATH, _NO_NEW_PRIVS = 1, 1, 38
_EXECUTE_READ_LIST = 0b1101
_CONNECT_TCP = 0b10
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}  # how many file rights each version knows; later ones know 16
_SYSTEM = ("/usr", "/lib", "/lib64", "/etc", "/proc", "/sys", "/dev", "/opt")


def put_up(own: Iterable[Path]) -> bool:
    """Let this thread write below `own` alone, read there and in the system's and Python's folders, and connect
    nowhere. Returns False, having changed nothing, where the kernel has no Landlock.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)
    if version < 1:
        return False
    every = (1 << _FILE_RIGHTS.get(version, 16)) - 1
    attributes = struct.pack("<QQ", every, _CONNECT_TCP) if version >= 4 else struct.pack("<Q", every)
    rules = libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if rules < 0:
        return False
    try:
        python = {sys.prefix, sys.base_prefix, str(Path(__file__).parents[2])}
        for folder in sorted({*_SYSTEM, *python}):
            _allow(libc, rules, folder, _EXECUTE_READ_LIST)
        for path in own:
            _allow(libc, rules, path, every)
        libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
        return bool(libc.syscall(_RESTRICT_SELF, rules, 0) == 0)
    finally:
        os.close(rules)


def _allow(libc: ctypes.CDLL, rules: int, folder: str | Path, rights: int) -> None:
    try:
        beneath = os.open(folder, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # not on this machine
    try:
        libc.syscall(_ADD_RULE, rules, _PATH_BENEATH, struct.pack("<Qi", rights, beneath), 0)
    finally:
        os.close(beneath)
