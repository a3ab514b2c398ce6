"""Secrets: a type that does not print itself, and the two places they are read from."""

from __future__ import annotations

import hmac
import os
import re
import stat
from pathlib import Path
from typing import NoReturn

from .errors import NigraniError

_NAME = re.compile(r"[A-Z][A-Z0-9_]*\Z")


class Secret:
    """A value that never shows in logs, pages, versions or tracebacks; `reveal()` is the only way out."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the plain value. Call it at the last moment and keep it in no variable that outlives the call."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled")


class Vault:
    """Looks up `${NAME}`: first the environment, then the file `<folder>/NAME` with mode 0600.

    Files are read at every look-up, so a rotated secret is taken without a restart.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, name: str) -> Secret | None:
        """Return the secret, or None when neither place has a non-empty value.

        Raises NigraniError when the file can be read by other users, or can't be read by us.
        """
        if not _NAME.match(name):
            raise NigraniError(f"{name!r} is no name of a secret.", "Use capitals, digits and underscores.")
        if value := os.environ.get(name):
            return Secret(value)
        path = self._folder / name
        try:
            mode = path.stat().st_mode
        except FileNotFoundError:
            return None
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise NigraniError(f"The secret file {path} can be read by other users.", f"Run: chmod 600 {path}")
        try:
            value = path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise NigraniError(f"The secret file {path} can't be read: {error.strerror}.") from error
        except UnicodeDecodeError:
            raise NigraniError(f"The secret file {path} holds no text.", "Write it as UTF-8.") from None
        return Secret(value) if value else None

    def put(self, name: str, value: Secret) -> Path:
        """Keep a secret as a 0600 file, replacing an earlier one in one step. Returns its path."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / name
        draft = path.with_name(f".{name}.{os.getpid()}")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
            out.write(value.reveal())
            out.flush()
            os.fsync(out.fileno())
        draft.replace(path)
        return path
