"""The vocabulary of the real integrations and the real telemetry. Run as a module, it writes the reference page."""

from __future__ import annotations

from pathlib import Path

from nigrani import integrations
from nigrani.guide import Vocabulary, reference
from nigrani.telemetry import guard


def vocabulary() -> Vocabulary:
    """Return what a guide may speak of."""
    return Vocabulary(
        sources={
            each.manifest.name: (each.config("SourceConfig"), each.config("ProbeConfig"))
            for each in integrations.with_face("probe")
        },
        receivers={each.manifest.name: each.config("ReceiverConfig") for each in integrations.with_face("send")},
        inspect_sql=guard.inspect,
        questions={each.manifest.name: each.config("QuestionConfig") for each in integrations.with_face("survey")},
    )


if __name__ == "__main__":
    (Path(__file__).parents[2] / "docs" / "guide-reference.md").write_text(reference.text(vocabulary()))
