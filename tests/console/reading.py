"""Reading a page as a program: its tags, its words, and which pages there are."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from django.test import Client

READS = (
    "/",
    "/now",
    "/alerts",
    "/alerts?show=open",
    "/alerts/{alert}",
    "/alerts/{alert}/why",
    "/silences",
    "/silences?rules=system-down&lasts=1h",
    "/rules",
    "/rules?phase=shadow",
    "/rules/system-down",
    "/rules/system-down/backtest",
    "/rules/system-down/backtest?days=1&level=50%25",
    "/sources",
    "/sources/website",
    "/sources/database",
    "/measures",
    "/measures/system_up",
    "/measures/login_ms?over=24h",
    "/promises",
    "/cover",
    "/cover?state=run",
    "/survey",
    "/survey?state=hindered",
    "/survey?section=KPI&state=nothing",
    "/deliveries",
    "/deliveries?receiver=spare",
    "/guide",
    "/guide/website.yaml",
    "/guide/rows.tsv",
    "/versions",
    "/versions/2",
    "/versions/3",
    "/find?q=down",
    "/keys",
    "/password",
)
ABSENT = (
    "/alerts/999",
    "/alerts/99999999999999999999",
    "/alerts/999/why",
    "/silences/999",
    "/silences/99999999999999999999",
    "/rules/none",
    "/rules/none/backtest",
    "/sources/none",
    "/measures/none",
    "/surveys/999999",
    "/surveys/99999999999999999999",
    "/surveys/999999.json",
    "/guide/../secrets",
    "/guide/none.yaml",
    "/nowhere",
)
DECIDES = (
    "/people",
    "/ledger",
    "/ledger?verify=1",
    "/rules/system-down/demote",
    "/rules/slow-pages/promote",
    "/versions/2/confirm",
    "/versions/2/withdraw",
    "/survey/try",
)


class Reader(HTMLParser):
    """What a page is made of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, *names: str) -> list[tuple[str, dict[str, str | None]]]:
        return [each for each in self.tags if each[0] in names]


def text(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, (address, answer.status_code)
    return answer.content.decode()


def plain(page: str) -> str:
    """Return the words of a page's own part."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page[page.find("<main") :]))
