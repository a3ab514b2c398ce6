"""Silences and reasons in their shapes: the same for the API and the command line."""

from __future__ import annotations

from nigrani.alerts.silences import SilenceView
from nigrani.alerts.why import Why

from . import shapes


def silence_shape(view: SilenceView) -> shapes.SilenceShape:
    """Return a silence in its shape."""
    return shapes.SilenceShape(
        id=view.id,
        kind=view.kind,
        state=view.state,
        by=view.by,
        why=view.why,
        rules=list(view.rules),
        sources=list(view.sources),
        labels={name: list(globs) for name, globs in view.labels.items()},
        made_at=view.made_at,
        starts_at=view.starts_at,
        until=view.until,
        ended_by=view.ended_by,
    )


def why_shape(found: Why) -> shapes.WhyShape:
    """Return an alert's reasons in their shape."""
    return shapes.WhyShape(
        key=found.key,
        rule=found.rule,
        state=found.state,
        now=list(found.now),
        mutes=list(found.mutes),
        entries=[
            shapes.WhyEntry(each.at, each.kind, each.what, each.word, each.receiver, each.says, each.message)
            for each in found.entries
        ],
        is_cut=found.is_cut,
    )
