"""Sources as the API and the command line show them."""

from __future__ import annotations

from nigrani.guide.model import Where
from nigrani.sources.feed_queries import FeedView
from nigrani.sources.queries import SourceView

from . import shapes


def source(view: SourceView, where: Where) -> shapes.SourceShape:
    """Return a source with its probes and feeds."""
    return shapes.SourceShape(
        name=view.name,
        title=view.title,
        kind=view.kind,
        state=view.state,
        age_s=view.age_s,
        stale_after_s=view.stale_after.total_seconds(),
        error=view.error,
        error_kind=view.error_kind,
        failing_since=view.failing_since,
        last_ok_at=view.last_ok_at,
        missing=list(view.missing),
        answers=view.answers,
        failures=view.failures,
        probes=[
            shapes.ProbeShape(
                name=each.name,
                state=each.state,
                suspect=each.suspect,
                since=each.since,
                every_s=each.every.total_seconds(),
                last_at=each.last_at,
                last_outcome=each.last_outcome,
                last_failure=each.last_failure,
                last_detail=each.last_detail,
                last_ms=each.last_ms,
                cost_ms=each.cost_ms,
                pace_s=each.pace.total_seconds() if each.pace else None,
            )
            for each in view.probes
        ],
        where=shapes.Place(where.file, where.line),
        feeds=[_feed(each) for each in view.feeds],
    )


def _feed(view: FeedView) -> shapes.FeedShape:
    return shapes.FeedShape(
        name=view.name,
        to=view.to,
        state=view.state,
        says=view.says,
        watermark=view.watermark,
        read_to=view.read_to,
        lag_s=view.lag_s,
        every_s=view.every.total_seconds(),
        rows=view.rows,
        late=view.late,
        late_by_s=view.late_by_s,
        rejected=dict(view.rejected),
        ahead=view.ahead,
        timeless=view.timeless,
        error=view.error,
        error_kind=view.error_kind,
        failing_since=view.failing_since,
        last_rows=view.last_rows,
        last_ms=view.last_ms,
        gaps=[shapes.GapShape(each.start, each.end, each.filled_at, each.lost_to, each.because) for each in view.gaps],
    )
