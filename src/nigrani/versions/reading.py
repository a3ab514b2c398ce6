"""From a kept text to a guide: with the vocabulary of this release, and the secrets of this machine."""

from __future__ import annotations

from dataclasses import dataclass

from nigrani import guide as guides
from nigrani.alerts import examples
from nigrani.guide import Guide, Text, Vocabulary
from nigrani.lib.errors import GuideError, NigraniError
from nigrani.lib.secret import Vault

from .models import Version


@dataclass(frozen=True)
class Reader:
    """Reads texts. Its vocabulary is handed in from above; secrets are looked up at each reading."""

    vocabulary: Vocabulary
    vault: Vault

    def read(self, row: Version) -> Guide:
        """Return the guide of a version. Raises GuideError when this release can't read it."""
        written = Text.of(row.texts, folder=row.folder)
        return guides.load_text(written, vocabulary=self.vocabulary, vault=self.vault, version=row.number)

    def load(self, written: Text) -> Guide:
        """Return the guide of a text that is kept nowhere. Raises GuideError with every mistake."""
        return guides.load_text(written, vocabulary=self.vocabulary, vault=self.vault)

    def judge(self, written: Text) -> Guide:
        """Return the guide of a text whose examples hold. Raises GuideError with every mistake, or every example that
        does not do what it says."""
        made = self.load(written)
        failed = [
            problem
            for alert in made.alerts.values()
            for problem in examples.run(alert, made.measures[alert.when.measure])
        ]
        if failed:
            raise GuideError(failed)
        return made


_reader: Reader | None = None


def hand_over(reader: Reader) -> None:
    """Let pages of this process read with `reader`; whoever sets the process up knows the vocabulary."""
    global _reader
    _reader = reader


def current_reader() -> Reader:
    """Return the reader of this process. Raises NigraniError where nobody handed one over."""
    if _reader is None:
        raise NigraniError("This process reads no guides.", "Start with: nigrani up")
    return _reader
