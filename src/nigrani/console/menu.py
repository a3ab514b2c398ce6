"""What stands in the navigation."""

from __future__ import annotations

from dataclasses import dataclass

from nigrani.access.models import Person, Role


@dataclass(frozen=True)
class Link:
    """One entry. `count` is shown beside it when it is not 0."""

    address: str
    word: str
    is_here: bool
    count: int = 0


_GROUPS: tuple[tuple[str, Role, tuple[tuple[str, str], ...]], ...] = (
    (
        "Now",
        Role.VIEWER,
        (("/", "Overview"), ("/alerts", "Alerts"), ("/silences", "Silences"), ("/sources", "Sources")),
    ),
    (
        "The guide",
        Role.VIEWER,
        (
            ("/rules", "Rules"),
            ("/measures", "Measures"),
            ("/promises", "KPIs and checks"),
            ("/cover", "Cover"),
            ("/survey", "Survey"),
            ("/guide", "Files"),
            ("/versions", "Versions"),
        ),
    ),
    ("Record", Role.VIEWER, (("/deliveries", "Deliveries"),)),
    ("Admin", Role.ADMIN, (("/people", "People and tokens"), ("/ledger", "Ledger"))),
)


def menu(person: Person, path: str, *, firing: int) -> list[tuple[str, list[Link]]]:
    """Return the groups of links a person may follow, the page at `path` marked."""
    return [
        (
            name,
            [
                Link(address, word, _is_here(address, path), firing if address == "/alerts" else 0)
                for address, word in links
            ],
        )
        for name, role, links in _GROUPS
        if person.may(role)
    ]


def _is_here(address: str, path: str) -> bool:
    return path == address or (address != "/" and path.startswith(address + "/"))
