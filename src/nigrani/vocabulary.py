"""What a guide may speak of: every integration's configuration, the tables of facts, and how SQL is read.

Needs neither Django nor a home, so that a guide can be read before anything is set up.
"""

from __future__ import annotations

from nigrani import integrations
from nigrani.guide import Vocabulary
from nigrani.telemetry import guard
from nigrani.telemetry.tables import TABLES

_OURS = frozenset({"at", "received_at", "id", "source", "attrs"})  # a feed's own keys fill these, or we do
_FED = ("audit",)


def vocabulary() -> Vocabulary:
    """Return it."""
    return Vocabulary(
        sources={
            each.manifest.name: (each.config("SourceConfig"), each.config("ProbeConfig"))
            for each in integrations.with_face("probe")
        },
        receivers={each.manifest.name: each.config("ReceiverConfig") for each in integrations.with_face("send")},
        inspect_sql=guard.inspect,
        questions={each.manifest.name: each.config("QuestionConfig") for each in integrations.with_face("survey")},
        readers={each.manifest.name: each.reader for each in integrations.readers()},
        feeds={each.manifest.name: each.inspect for each in integrations.with_face("poll")},
        facts={name: tuple(column for column in TABLES[name].columns if column not in _OURS) for name in _FED},
    )
