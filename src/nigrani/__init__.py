"""Nigrani runs a team's production guide: every row of it is executed, measured and proven."""

__version__ = "0.1.0"
