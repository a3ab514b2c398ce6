"""Versions of the guide: who changed what, what waits for confirmation, and what every process runs by.

Holds: every text that ran, waits or was refused, with its author, its changes and its reasons. One applier at a time
(PostgreSQL's advisory lock) decides what stands.
Never holds: a secret, or a value of one. It never writes into the guide's folder and never judges an alert.
Asks: guide, measures and alerts (what a change would do at once), sources (whose rows follow), access' ledger.
"""
