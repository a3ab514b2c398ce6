"""A question on its way, and its answer: what asking, keeping and fact-making hand each other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from nigrani import guide as guides
from nigrani.integrations import Answer, ProbeJob
from nigrani.lib.errors import SourceError

from .models import Probe


@dataclass(frozen=True)
class Asked:
    """One claimed probe on its way: its row, what the guide says of it, when and where it is asked from."""

    row: Probe
    at: datetime
    source: guides.Source
    probe: guides.Probe
    reference: tuple[str, ...]
    location: str

    @property
    def job(self) -> ProbeJob:
        """The question as integrations are asked it."""
        return ProbeJob(
            self.source.name, self.probe.name, self.source.config, self.probe.config, self.probe.timeout,
            self.row.memory,
        )  # fmt: skip


@dataclass(frozen=True)
class Found:
    """An answer, when it came, and whether it is us who are cut off."""

    asked: Asked
    answer: Answer | SourceError
    at: datetime
    cut_off: bool = False
