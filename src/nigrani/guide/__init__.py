"""The guide: what a team's folder of YAML files says, as frozen objects.

Holds: the loader (every mistake at once, with its place and the nearest valid name), the model, the format's own
description (JSON Schema, reference page), the language of examples, the guide that ships, and which guide runs now.
Never holds: state, SQL results, secrets in stored text; it never runs what a guide says.
Asks: only lib. What integrations and telemetry know is handed in as a Vocabulary.
"""

from __future__ import annotations

from pathlib import Path

from nigrani.lib.errors import NigraniError

from .advice import warnings
from .loader import VERSION, Text, Vocabulary, load, load_text, text
from .model import (
    Alert,
    Clear,
    Combine,
    Condition,
    Cover,
    Example,
    Feed,
    Finding,
    Guide,
    Measure,
    Person,
    Probe,
    Promise,
    Receiver,
    Repeat,
    Row,
    Runbook,
    Source,
    Table,
    Telling,
    Truth,
    Unit,
    Urgency,
    Where,
    Window,
)  # fmt: skip
from .reads import ReadQuestion

__all__ = [
    "VERSION", "Alert", "Clear", "Combine", "Condition", "Cover", "Example", "Feed", "Finding", "Guide", "Measure",
    "Person", "Probe", "Promise", "ReadQuestion", "Receiver",
    "Repeat", "Row", "Runbook", "Source", "Table", "Telling", "Text", "Truth",
    "Unit", "Urgency", "Vocabulary", "Where", "Window", "load", "load_text", "shipped", "text", "warnings",
]  # fmt: skip


def shipped() -> Path:
    """Return the folder of the guide that ships with Nigrani.

    In the repository it is guide/ at the root; src/nigrani/shipped_guide is a link to it, and a wheel holds copies.
    """
    folder = Path(__file__).resolve().parent.parent / "shipped_guide"
    if not folder.is_dir():
        raise NigraniError(f"The guide that ships is not at {folder}.", "Install Nigrani again.")
    return folder
