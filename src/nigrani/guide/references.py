"""Names that must exist, as they are met while reading; resolved when everything has been read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .model import Where
from .reader import Problems, capital, clip


@dataclass(frozen=True)
class Reference:
    """A name that must exist, as it was written."""

    kind: str
    name: str
    where: Where
    label: str


def dangling(references: Iterable[Reference], names: Mapping[str, Mapping[str, object]], problems: Problems) -> None:
    """Note every reference to a name that nothing has. `names`: kind -> the names there are."""
    for each in references:
        if each.name not in names[each.kind]:
            problems.add(
                each.where,
                f"{capital(each.label)} names the {each.kind} '{clip(each.name)}', which does not exist",
                wrote=each.name,
                names=names[each.kind],
            )
