"""Versions of the guide: who changed what, what waits for confirmation, and what every process runs by.

Holds every text that ran, waits or was refused, with its author, its changes and its reasons. One applier at a time
(PostgreSQL's advisory lock) decides what stands. Never writes into the guide's folder, never judges an alert.
"""
