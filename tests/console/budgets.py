"""What each page may cost. A page's address joins `console/urls.py` and this table together.

A budget holds however many rows there are: it is asked with ten of each and with a thousand.
"""

from __future__ import annotations

from dataclasses import dataclass

MOST_QUERIES = 12
MOST_BYTES = 100_000
MOST_TIMES_THE_CHEAPEST = 30  # processor time


@dataclass(frozen=True)
class Budget:
    """The addresses that stand for a route, and how often each may ask PostgreSQL."""

    addresses: tuple[str, ...]
    queries: int = MOST_QUERIES


def page(*addresses: str, queries: int = MOST_QUERIES) -> Budget:
    return Budget(addresses, queries)


# By the name of the route. {alert} is an alert with many changes, {person} and {token} are somebody's,
# {silence} is one that stands, {survey} the last one.
PAGES = {
    "overview": page("/"),
    "now": page("/now"),
    "alerts": page("/alerts", "/alerts?show=open&page=2&sort=-value", "/alerts?rule=system-down&sort=alert", queries=7),
    "alert": page("/alerts/{alert}", queries=9),
    "why": page("/alerts/{alert}/why", "/alerts/{alert}/why?page=2"),
    "silences": page("/silences", "/silences?rules=system-down&labels=probe%3Dlogin", queries=6),
    "silence": page("/silences/{silence}", queries=4),
    "end-silence": page("/silences/{silence}/end", queries=4),
    "rules": page("/rules", "/rules?phase=shadow", "/rules?sort=-state", queries=5),
    "rule": page("/rules/system-down", queries=6),
    "backtest": page(
        "/rules/system-down/backtest", "/rules/slow-pages/backtest?days=30&level=1s&window=10m&hold=5m", queries=4
    ),
    "promote": page("/rules/slow-pages/promote", queries=8),
    "demote": page("/rules/system-down/demote", queries=5),
    "keys": page("/keys", queries=3),
    "find": page("/find?q=down", "/find", queries=3),
    "password": page("/password", queries=3),
    "sources": page("/sources", "/sources?sort=source", queries=6),
    "source": page("/sources/website", "/sources/database", queries=5),
    "measures": page("/measures", "/measures?sort=-used", queries=3),
    "measure": page("/measures/login_ms", "/measures/system_up?over=24h", queries=5),
    "promises": page("/promises", "/promises?sort=checked", queries=4),
    "cover": page("/cover", "/cover?state=run", queries=4),
    "deliveries": page(
        "/deliveries",
        "/deliveries?receiver=production-alerts&fate=sent&over=24h",
        "/deliveries?fate=not_sent",
        queries=9,
    ),
    "guide": page("/guide", queries=3),
    "guide-file": page("/guide/website.yaml", "/guide/rows.tsv", queries=3),
    "versions": page("/versions", "/versions?before=900", queries=4),
    "version": page("/versions/2", "/versions/3", queries=5),
    "confirm-version": page("/versions/2/confirm", queries=4),
    "withdraw-version": page("/versions/2/withdraw", queries=4),
    "survey": page("/survey", "/survey?state=hindered", queries=6),
    "survey-one": page("/surveys/{survey}", queries=6),
    "survey-try": page("/survey/try", queries=5),
    "people": page("/people", "/people?page=3&tokens=2", queries=6),
    "ledger": page("/ledger", "/ledger?before=20", queries=5),
    "take-away": page("/people/{person}/take-away", queries=4),
    "invite-again": page("/people/{person}/invite-again", queries=4),
    "revoke-token": page("/tokens/{token}/revoke", queries=4),
}
# Pages for somebody who is not signed in.
DOORS = {"login": page("/login", queries=1), "welcome": page("/welcome/nothing", queries=2)}
# What no person reads, and why it has no budget.
NO_PAGES = {
    "logout": "only a form posts to it",
    "theme": "only a form posts to it",
    "invite": "only a form posts to it",
    "change-role": "only a form posts to it",
    "give-back": "only a form posts to it",
    "make-token": "only a form posts to it",
    "preview-silence": "only a form posts to it",
    "make-silence": "only a form posts to it",
    "move-silence": "only a form posts to it",
    "survey-begin": "only a form posts to it",
    "survey-progress": "a line that the survey's page asks for while one runs",
    "survey-export": "a file, not a page",
    "favicon": "a drawing of a few bytes",
}
