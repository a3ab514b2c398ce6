"""What a plant is made of."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plant:
    """is_real: the real ERP was seen with it. plant, mend: SQL that brings it about and takes it away, each of which
    may run twice; `{table}` and `{table.column}` stand for what this yard calls them. None of either: the website
    behaves differently. excludes: plants that would hide it.
    """

    meaning: str
    is_real: bool = True
    plant: tuple[str, ...] = ()
    mend: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
