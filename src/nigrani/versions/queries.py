"""What pages, the API and the command line ask of versions. Everything comes as frozen objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from nigrani.guide import Guide
from nigrani.lib.errors import NigraniError

from . import changes
from .changes import Change
from .models import Version
from .reading import Reader
from .state import Reason

PRESENT = timedelta(minutes=10)  # longer unseen, and a folder counts as gone with its machine


@dataclass(frozen=True)
class VersionView:
    """One version. See the model for what each means; texts is empty in a list."""

    number: int
    digest: str
    release: str
    folder: str
    author: str
    at: datetime
    state: str
    over: int | None
    changes: tuple[Change, ...]
    reasons: tuple[Reason, ...]
    mistakes: tuple[str, ...]
    because: str
    decided_by: str
    decided_at: datetime | None
    held_at: datetime | None
    texts: Mapping[str, str]

    @property
    def may_be_confirmed(self) -> bool:
        """Whether a person may let it run: it waits, or it does not stand and a folder holds it."""
        return self.state == "waiting" or (self.state in ("superseded", "withdrawn") and self.held_at is not None)


@dataclass(frozen=True)
class Pending:
    """What wants a person now: the version that waits, and the text in the folder that was refused."""

    waiting: VersionView | None = None
    refused: VersionView | None = None


def versions(*, limit: int = 50, before: int | None = None) -> list[VersionView]:
    """Return the newest versions, newest first; `before` goes on below a number. One query."""
    rows = Version.objects.defer("texts").order_by("-number")
    if before is not None:
        rows = rows.filter(number__lt=min(before, 2**31 - 1))
    return [_view(row) for row in rows[:limit]]


def version(number: int) -> VersionView:
    """Return one version with its texts. Raises NigraniError if there is none."""
    row = Version.objects.filter(number=number).first() if 0 <= number < 2**31 else None
    if row is None:
        raise NigraniError(f"There is no version {number} of the guide.", "List them with: nigrani guide versions")
    return _view(row, texts=row.texts)


def standing() -> VersionView | None:
    """Return the version that stands, with its texts; None before the first."""
    row = Version.objects.filter(state="standing").first()
    return _view(row, texts=row.texts) if row is not None else None


def running(reader: Reader) -> Guide | None:
    """Return the guide that stands; None where none was ever kept. Raises GuideError when it can't be read."""
    row = Version.objects.filter(state="standing").first()
    return reader.read(row) if row is not None else None


def pending(*, now: datetime) -> Pending:
    """Return what waits, and what is refused of a folder's present text. One query."""
    rows = Version.objects.defer("texts").order_by("number")
    refused = Q(state="refused", held_at__gt=now - PRESENT)
    found = {row.state: _view(row) for row in rows.filter(Q(state="waiting") | refused)}
    return Pending(found.get("waiting"), found.get("refused"))


def lines(view: VersionView) -> list[str]:
    """Return the diff of a version's files against the version that stood before it."""
    row = Version.objects.filter(number=view.over).first() if view.over is not None else None
    return list(changes.lines(row.texts if row is not None else {}, view.texts)) if row is not None else []


def _view(row: Version, *, texts: Mapping[str, str] | None = None) -> VersionView:
    return VersionView(
        number=row.number,
        digest=row.digest,
        release=row.release,
        folder=row.folder,
        author=row.author,
        at=row.at,
        state=row.state,
        over=row.over,
        changes=tuple(Change(**each) for each in row.changes),
        reasons=tuple(Reason(**each) for each in row.reasons),
        mistakes=tuple(row.mistakes),
        because=row.because,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        held_at=row.held_at,
        texts=texts or {},
    )
