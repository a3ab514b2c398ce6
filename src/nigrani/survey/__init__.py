"""The survey: row by row, whether the watched system can answer the guide, by which true source, or what hinders it.

Holds: surveys with their reports, how rows are judged (state.py), how a database's own names are found (names.py).
Never holds: what is asked (the guide's findings), how a system is asked (integrations).
Asks: guide, integrations, measures' cover, access' ledger. It changes nothing outside.
"""
