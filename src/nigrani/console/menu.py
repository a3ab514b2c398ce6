"""What stands in the navigation."""

from __future__ import annotations

from dataclasses import dataclass

from nigrani.access.models import Person, Role


@dataclass(frozen=True)
class Link:
    """One entry. key: goes there when pressed after g. `count` is shown beside it when it is not 0."""

    address: str
    word: str
    key: str
    is_here: bool
    count: int = 0


_VIEW, _ADMIN = Role.VIEWER, Role.ADMIN
_GROUPS: tuple[tuple[str, Role, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "Now",
        _VIEW,
        (
            ("/", "Overview", "o"),
            ("/alerts", "Alerts", "a"),
            ("/silences", "Silences", "i"),
            ("/sources", "Sources", "s"),
        ),
    ),
    (
        "The guide",
        _VIEW,
        (
            ("/rules", "Rules", "r"),
            ("/measures", "Measures", "m"),
            ("/promises", "KPIs and checks", "k"),
            ("/cover", "Cover", "c"),
            ("/survey", "Survey", "y"),
            ("/guide", "Files", "g"),
            ("/versions", "Versions", "v"),
        ),
    ),
    ("Record", _VIEW, (("/deliveries", "Deliveries", "d"),)),
    ("Admin", _ADMIN, (("/people", "People and tokens", "p"), ("/ledger", "Ledger", "l"))),
)


def menu(person: Person, path: str, *, firing: int) -> list[tuple[str, list[Link]]]:
    """Return the groups of links a person may follow, the page at `path` marked."""
    return [
        (
            name,
            [
                Link(address, word, key, _is_here(address, path), firing if address == "/alerts" else 0)
                for address, word, key in links
            ],
        )
        for name, role, links in _GROUPS
        if person.may(role)
    ]


def _is_here(address: str, path: str) -> bool:
    return path == address or (address != "/" and path.startswith(address + "/"))
