"""What a process does about versions: begin by the one that stands, look at the folder, offer what changed there."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from nigrani import guide as guides
from nigrani.guide import Guide, Text, current
from nigrani.lib import clock
from nigrani.lib.errors import Conflict, GuideError, NigraniError

from . import actions, effects, noticed
from .actions import Offer
from .following import Follower
from .models import Version
from .state import Reason, speaks
from .watching import Watch, author, gone

log = logging.getLogger(__name__)

PATIENCE_S = 120.0  # after a start, sources look dark for a moment: what can't be judged then is judged again
AGAIN_S = 10.0
STILL_HELD = timedelta(minutes=1)


class Keeper:
    """Looks after one folder. One thread only, but for the follower's methods.

    folder: where the guide is read from now; it may change. fallback: the guide that ships.
    """

    def __init__(self, follower: Follower, *, folder: Callable[[], Path], fallback: Path) -> None:
        self._follower, self._reader = follower, follower.reader
        self._folder, self._fallback = folder, fallback
        self._watch, self._began = Watch(), clock.monotonic()
        self._handled: str | None = None  # the digest of the text that was dealt with last
        self._held_at: datetime | None = None
        self._held_in = ""
        self._again_at = 0.0

    def begin(self, *, now: datetime) -> Guide:
        """Take the guide that stands; where none was ever kept, the folder's, which becomes version 1.

        Raises GuideError when it can't be read. A process that runs loops lets the folder's text, if that can be read,
        stand instead of a version that this release can't read.
        """
        row = Version.objects.filter(state="standing").first()
        if row is None:
            return self._from_folder(over=0, now=now)
        try:
            guide = self._reader.read(row)
        except GuideError as error:
            log.error(
                "Version %s of the guide stands, and can't be read: %s", row.number, error.problems[0],
                extra={"action": "guide.unreadable"},
            )  # fmt: skip
            if not self._follower.syncs:
                raise
            return self._from_folder(over=row.number, now=now)
        self._follower.take(guide)
        return guide

    def turn(self, *, now: datetime) -> int:
        """Follow what stands, take rotated secrets, look at the folder. Returns how many of these changed something."""
        done = self._follower.follow()
        if self._follower.rotate():
            self._handled, done = None, done + 1  # a text may have been refused for a secret that could not be read
        if self._follower.syncs:
            done += self._look(now)
        noticed.refresh(now=now)
        return done

    def _from_folder(self, *, over: int, now: datetime) -> Guide:
        folder = self._folder()
        written = guides.text(folder)
        guide = self._reader.load(written)  # its examples are no reason not to start
        if self._follower.syncs:
            with contextlib.suppress(Conflict):  # another process was first; what it let stand is taken
                actions.offer(self._offered(written, folder, over), now=now)
            guide = self._reader.read(Version.objects.get(state="standing"))
        self._follower.take(guide)
        return guide

    def _look(self, now: datetime) -> int:
        folder = self._folder()
        stood = Version.objects.filter(state="standing").defer("texts").first()
        written, is_fallback = self._watch.look(folder), False
        if folder == self._fallback and stood is not None and not stood.is_shipped:
            home = Path(stood.folder)
            if stood.place == place(home) and not home.is_dir():
                written = gone(home)
            else:
                is_fallback = True  # a machine without a guide of its own, beside others that have one
        if written is None:
            return 0
        if written.digest == self._handled:
            self._hold(written, now)
            return 0
        if clock.monotonic() < self._again_at:
            return 0
        newest = Version.objects.filter(digest=written.digest).order_by("-number")
        kept = newest.values_list("state", flat=True).first()
        is_first = self._handled is None
        if not speaks(kept, is_first_look=is_first, is_fallback=is_fallback):  # type: ignore[arg-type]  # its choices
            self._handle(written, now)
            return 0
        return self._offer(written, folder, stood.number if stood else 0, now)

    def _offer(self, written: Text, folder: Path, over: int, now: datetime) -> int:
        mistakes: list[str] = []
        why: list[Reason] = []
        if not (over == current.get().version and written.digest == current.get().digest):
            try:
                fresh = self._reader.judge(written)
            except GuideError as error:
                mistakes = error.problems
            except NigraniError as error:  # a secret that others may read: no mistake of the guide
                return self._later("The guide can't be read yet: %s", error)
            else:
                why = effects.reasons(self._standing(over), fresh, now=now)
        if any(each.why == "unknown" for each in why) and clock.monotonic() - self._began < PATIENCE_S:
            return self._later("The guide can't be judged yet: %s", why[0].says)
        try:
            made = actions.offer(self._offered(written, folder, over, mistakes, why), now=now)
        except Conflict:
            return 0  # judged again at the next look
        self._handle(written, now)
        if made is not None and made.state == "standing":
            self._follower.follow()
        return int(made is not None)

    def _later(self, told: str, why: object) -> int:
        self._again_at = clock.monotonic() + AGAIN_S
        log.warning(told, why, extra={"action": "guide.unjudged"})
        return 0

    def _offered(
        self, written: Text, folder: Path, over: int, mistakes: list[str] | None = None, why: list[Reason] | None = None
    ) -> Offer:
        return Offer(
            written,
            place(Path(written.folder)),
            author(folder),
            over,
            is_shipped=folder == self._fallback and written.folder == str(folder),
            mistakes=mistakes or (),
            reasons=why or (),
        )

    def _standing(self, over: int) -> Guide | None:
        row = Version.objects.filter(number=over).first()
        try:
            return self._reader.read(row) if row is not None else None
        except GuideError:
            return None

    def _handle(self, written: Text, now: datetime) -> None:
        self._handled, self._held_at, self._again_at = written.digest, None, 0.0
        self._hold(written, now)

    def _hold(self, written: Text, now: datetime) -> None:
        """Note now and then what the folder holds, so that what a dead machine held is not taken for present."""
        if self._held_at is not None and timedelta() <= now - self._held_at < STILL_HELD:
            return
        here = place(Path(written.folder))
        actions.hold(written.digest, place=here, before=self._held_in or here, now=now)
        self._held_at, self._held_in = now, here


def place(folder: Path) -> str:
    """Return a folder's name among those of all machines."""
    return f"{socket.gethostname()}:{folder}"
