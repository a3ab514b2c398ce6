"""The vocabulary of the real integrations and the real telemetry. Run as a module, it writes the reference page."""

from __future__ import annotations

from pathlib import Path

from nigrani.guide import reference
from nigrani.vocabulary import vocabulary as vocabulary

if __name__ == "__main__":
    (Path(__file__).parents[2] / "docs" / "guide-reference.md").write_text(reference.text(vocabulary()))
