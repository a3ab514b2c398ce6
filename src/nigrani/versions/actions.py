"""The only writers of versions: one at a time, each a short transaction under the applier's lock."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Max

from nigrani import __version__
from nigrani.access import ledger
from nigrani.guide import Text
from nigrani.lib.errors import Conflict, GuideError, NigraniError

from . import standing
from .changes import changes
from .models import Version
from .reading import Reader
from .state import NEVER_RAN, Fate, Known, Reason, fate

log = logging.getLogger(__name__)

KEEP = 100  # texts that never ran: the newest so many are kept; what ran is kept for ever
_LARGEST = 4 * 1024 * 1024  # letters; a refused text above that is told, and not kept
_REPLACED = "A newer text replaced it."


@dataclass(frozen=True)
class Offer:
    """A text that a folder holds, judged. over: the number of the version that stood while it was judged."""

    text: Text
    place: str
    author: str
    over: int
    is_shipped: bool = False
    mistakes: Sequence[str] = ()
    reasons: Sequence[Reason] = ()


@transaction.atomic
def offer(found: Offer, *, now: datetime) -> Version | None:
    """Take a text up: it stands, waits or is refused. Returns the version that is new, None when nothing came of it.

    Raises Conflict when another version stands by now than the one it was judged against: judge it again.
    """
    standing.alone()
    open_now = {row.state: row for row in Version.objects.filter(state__in=("standing", "waiting"))}
    stood, waiting = open_now.get("standing"), open_now.get("waiting")
    if (stood.number if stood else 0) != found.over:
        raise Conflict("Another version of the guide stands by now.", "It is judged again.")
    refused = Version.objects.filter(state="refused").order_by("-number").first()
    known = Known(stood.digest if stood else "", waiting.digest if waiting else "", refused.digest if refused else "")
    todo = fate(found.text.digest, known, mistakes=found.mistakes, reasons=found.reasons)
    if todo in ("withdraw", "wait", "stand") and waiting is not None:
        because = "The folder holds again what stands." if todo == "withdraw" else _REPLACED
        _withdraw(waiting, because, by=found.author, now=now)
    if todo in ("nothing", "withdraw"):
        hold(found.text.digest, place=found.place, now=now)
        return None
    made = _made(found, stood, todo, now)
    if todo == "stand":
        _let_stand(made, stood, now)
    else:
        made.save(force_insert=True)
    hold(found.text.digest, place=found.place, now=now)
    _prune()
    _tell(made)
    if made.state == "standing" and stood is not None:
        _write_down("guide.changed", made, stood, by=found.author, now=now)
    return made


@transaction.atomic
def confirm(number: int, *, by: str, reader: Reader, now: datetime) -> Version:
    """Let a version run that waits, or one that ran before and is what the folder holds again.

    Raises Conflict when the folder holds another text by now, NigraniError when there is no such version or this
    Nigrani can't read it.
    """
    standing.alone()
    row = _find(number)
    stood = Version.objects.filter(state="standing").first()
    if row.state == "standing":
        raise Conflict(f"Version {number} stands already.")
    if row.state == "refused":
        raise NigraniError(f"Version {number} has mistakes, so it can't run.", "\n".join(row.mistakes[:5]))
    if row.held_at is None:
        raise Conflict(
            f"No folder holds version {number} any more, so it can't be confirmed.",
            f"Put its files back first: nigrani guide show {number} --into FOLDER",
        )
    try:
        reader.read(row)
    except GuideError as error:
        raise NigraniError(
            f"This Nigrani can't read version {number}, which Nigrani {row.release} kept.",
            "\n".join(error.problems[:5]),
        ) from error
    Version.objects.filter(state="waiting").exclude(pk=row.pk).update(
        state="withdrawn", because=f"Version {number} was confirmed instead.", decided_by=by, decided_at=now
    )
    row.decided_by, row.decided_at, row.because = by, now, ""
    _let_stand(row, stood, now)
    _write_down("guide.confirmed", row, stood, by=by, now=now)
    return row


@transaction.atomic
def withdraw(number: int, *, by: str, now: datetime) -> Version:
    """Let what waits not run. The folder keeps its text. Raises Conflict when it does not wait any more."""
    standing.alone()
    row = _find(number)
    if row.state != "waiting":
        raise Conflict(f"Version {number} does not wait: it is {row.state}.")
    _withdraw(row, "", by=by, now=now)
    ledger.record(by=by, action="guide.withdrawn", what=f"guide version {number}", detail={}, now=now)
    return row


def hold(digest: str, *, place: str, before: str = "", now: datetime) -> None:
    """Note that a place holds the text with this digest, so that everybody knows what can be confirmed.

    before: the place that was looked at until now, if it was another.
    """
    held = Version.objects.filter(digest=digest).order_by("-number").values_list("number", flat=True).first() or 0
    others = Version.objects.filter(held_by__in=(place, before or place), held_at__isnull=False)
    others.exclude(number=held).update(held_at=None)
    Version.objects.filter(number=held).update(held_at=now, held_by=place)


def _find(number: int) -> Version:
    row = Version.objects.select_for_update().filter(number=number).first() if number < 2**31 else None
    if row is None:
        raise NigraniError(f"There is no version {number} of the guide.", "List them with: nigrani guide versions")
    return row


def _made(found: Offer, stood: Version | None, todo: Fate, now: datetime) -> Version:
    last: int | None = Version.objects.aggregate(last=Max("number"))["last"]
    texts = {name: text.replace("\0", "�") for name, text in found.text.files.items()}
    differing = changes(stood.texts, texts) if stood is not None else []
    if todo == "refuse" and sum(map(len, texts.values())) > _LARGEST:
        texts = {}
    return Version(
        number=(last or 0) + 1,
        digest=found.text.digest,
        release=__version__,
        place=found.place,
        folder=found.text.folder,
        is_shipped=found.is_shipped,
        texts=texts,
        author=found.author,
        at=now,
        state="refused" if todo == "refuse" else "waiting",
        over=stood.number if stood is not None else None,
        changes=[asdict(each) for each in differing],
        reasons=[asdict(each) for each in found.reasons] if todo == "wait" else [],
        mistakes=list(found.mistakes),
    )


def _let_stand(row: Version, stood: Version | None, now: datetime) -> None:
    if stood is not None:  # first, since only one may stand
        Version.objects.filter(pk=stood.pk).update(state="superseded", decided_at=now)
    row.state = "standing"
    row.save()


def _withdraw(row: Version, because: str, *, by: str, now: datetime) -> None:
    row.state, row.because, row.decided_by, row.decided_at = "withdrawn", because, by, now
    row.save(update_fields=["state", "because", "decided_by", "decided_at"])
    log.info("Version %s of the guide no longer waits.", row.number, extra={"action": "guide.withdrawn"})


def _write_down(did: str, row: Version, stood: Version | None, *, by: str, now: datetime) -> None:
    detail = {"instead_of": stood.number if stood else None, "changes": len(row.changes)}
    ledger.record(by=by, action=did, what=f"guide version {row.number}", detail=detail, now=now)


def _prune() -> None:
    idle = Version.objects.filter(state__in=NEVER_RAN).order_by("-number").values_list("pk", flat=True)
    Version.objects.filter(pk__in=list(idle[KEEP:])).delete()


def _tell(row: Version) -> None:
    extra = {"action": f"guide.{row.state}", "version": row.number}
    match row.state:
        case "standing":
            log.info("Version %s of the guide runs from now on.", row.number, extra=extra)
        case "waiting":
            log.warning("Version %s of the guide waits for confirmation.", row.number, extra=extra)
        case _:
            log.warning("The guide has mistakes, so that what ran goes on: %s", " ".join(row.mistakes[:3]), extra=extra)
