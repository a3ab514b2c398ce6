"""Versions of the guide: who changed what, what waits for confirmation, and what every process runs by."""
