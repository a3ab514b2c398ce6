"""The stories: what is broken, and what must have reached whom. A module each: `SHOWS` says what, `play` plays it,
`GUIDE` has the files that it adds to the shipped guide, if any."""

from __future__ import annotations

from nigrani.demo.telling import Story

from . import (
    blind,
    database_down,
    failed_logins,
    flapping,
    guide_edit,
    pool_exhausted,
    quiet_day,
    slow_queries,
    storm,
    watchman_dead,
    website_down,
)

_MODULES = (
    quiet_day,
    website_down,
    database_down,
    slow_queries,
    pool_exhausted,
    failed_logins,
    blind,
    watchman_dead,
    guide_edit,
    storm,
    flapping,
)

STORIES = {
    story.name: story
    for story in (
        Story(
            module.__name__.rsplit(".", 1)[-1].replace("_", "-"),
            module.SHOWS,
            module.play,
            getattr(module, "GUIDE", {}),
        )
        for module in _MODULES
    )
}
"""Every story by its name, in the order in which they are told."""
