"""This process runs by the version that stands: takes a newer one within a pass, and rotated secrets with it."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from nigrani.guide import Guide, Text, current
from nigrani.lib import clock
from nigrani.lib.errors import GuideError, NigraniError
from nigrani.sources import actions as sources

from . import standing
from .models import Version
from .reading import Reader

log = logging.getLogger(__name__)

Marks = frozenset[tuple[str, int, int]]


class Follower:
    """Keeps this process by the guide that stands. Its methods may be called from any thread.

    secrets: the folder whose files are the secrets. syncs: whether the rows of sources follow from here (a process
    that runs loops does that).
    """

    def __init__(self, reader: Reader, *, secrets: Path, syncs: bool) -> None:
        self.reader, self.syncs = reader, syncs
        self._secrets_folder = secrets
        self._lock = threading.Lock()
        self._secrets = self._told = self._marks()

    def guide(self) -> Guide:
        """Return the guide to judge by now, after taking a newer one if one stands. Raises NigraniError when that can't
        be read here: to judge by the older one would be wrong."""
        self.follow()
        return current.get()

    def follow(self) -> int:
        """Take the version that stands, if it is another than the one this process runs by. Returns 0 or 1."""
        with self._lock:
            number = standing.number()
            if number in (0, current.get().version):
                return 0
            row = Version.objects.get(number=number)
            try:
                guide = self.reader.read(row)
            except GuideError as error:
                raise NigraniError(
                    f"Version {number} of the guide stands, and this Nigrani can't read it.",
                    "\n".join(error.problems[:5]),
                ) from error
            self._take(guide)
        log.info("Version %s of the guide was taken.", number, extra={"action": "guide.taken", "version": number})
        return 1

    def take(self, guide: Guide) -> None:
        """Run by a guide: rows of sources and probes follow it, unless another stands by now."""
        with self._lock:
            self._take(guide)

    def rotate(self) -> int:
        """Read the guide again when a secret changed. Returns 0 or 1.

        What can't be taken yet (a secret that others may read) is tried again every turn; what runs goes on running
        meanwhile, so it is a warning and no failure of this loop.
        """
        present = self._marks()
        if present == self._secrets:
            return 0
        try:
            self.take(self._again())
        except NigraniError as error:
            if present != self._told:
                log.warning("A changed secret can't be taken yet: %s", error, extra={"action": "secret.waiting"})
            self._told = present
            return 0
        self._secrets = present
        log.info("A changed secret was taken.", extra={"action": "secret.taken"})
        return 1

    def _take(self, guide: Guide) -> None:
        if self.syncs:
            with standing.steady(guide) as is_ours:
                if is_ours:
                    sources.sync(guide, now=clock.now())
        current.set(guide)

    def _again(self) -> Guide:
        mine = current.get()
        row = Version.objects.filter(number=mine.version).first()
        return self.reader.read(row) if row is not None else self.reader.load(Text.of(mine.text, folder=mine.folder))

    def _marks(self) -> Marks:
        # ctime, for `chmod 600` changes nothing else.
        return frozenset(
            (path.name, found.st_ctime_ns, found.st_size)
            for path in self._secrets_folder.iterdir()
            if not path.name.startswith(".") and (found := path.stat())
        )
