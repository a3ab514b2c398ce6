"""The stories: what is broken, and what must have reached whom. A module each: `SHOWS` says what, `play` plays it."""

from __future__ import annotations

from nigrani.demo.telling import Story

from . import blind, database_down, guide_edit, quiet_day, watchman_dead, website_down

_MODULES = (quiet_day, website_down, database_down, blind, watchman_dead, guide_edit)

STORIES = {
    story.name: story
    for story in (
        Story(module.__name__.rsplit(".", 1)[-1].replace("_", "-"), module.SHOWS, module.play) for module in _MODULES
    )
}
"""Every story by its name, in the order in which they are told."""
