"""Versions of the guide under /api/v1/versions."""

from __future__ import annotations

from urllib.parse import urlencode

from nigrani.access.models import Role
from nigrani.lib.errors import NigraniError
from nigrani.versions import queries
from nigrani.versions.queries import VersionView

from . import shapes
from .door import Ask, BadRequest, NotFound, answers

_MOST = 200


@answers(Role.VIEWER)
def list_versions(ask: Ask) -> shapes.Page[shapes.VersionShape]:
    """List versions, newest first; ?limit= up to 200, ?before= goes on below a number."""
    limit, before = ask.number("limit"), ask.number("before")
    if limit is not None and not 1 <= limit <= _MOST:
        raise BadRequest(f"limit is not between 1 and {_MOST}.")
    limit = limit or 50
    found = queries.versions(limit=limit + 1, before=before)
    rest = (
        f"{ask.path}?{urlencode({'limit': limit, 'before': found[limit - 1].number})}" if len(found) > limit else None
    )
    return shapes.Page([shape(each) for each in found[:limit]], rest)


@answers(Role.VIEWER)
def one_version(ask: Ask, number: int) -> shapes.VersionShape:
    """Return one version with the names of its files and its diff."""
    try:
        found = queries.version(number)
    except NigraniError as error:
        raise NotFound(error.message, "List them with GET /api/v1/versions") from error
    return shape(found, whole=True)


def shape(view: VersionView, *, whole: bool = False) -> shapes.VersionShape:
    """Return a version as the API and the command line write it. whole: with its files and its diff."""
    return shapes.VersionShape(
        number=view.number,
        state=view.state,
        author=view.author,
        at=view.at,
        folder=view.folder,
        digest=view.digest,
        release=view.release,
        over=view.over,
        changes=[shapes.ChangeShape(each.kind, each.name, each.did, each.says) for each in view.changes],
        reasons=[shapes.ReasonShape(each.rule, each.why, each.says) for each in view.reasons],
        mistakes=list(view.mistakes),
        because=view.because,
        decided_by=view.decided_by,
        decided_at=view.decided_at,
        held=view.held_at is not None,
        files=sorted(view.texts) if whole else None,
        diff=queries.lines(view) if whole else None,
    )
