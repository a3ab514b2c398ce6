"""People and what they may do: roles, invitations, sign-in, API tokens, and the ledger of who did what.

Holds persons, one-time invitations, API tokens (hashed), recent sign-in attempts and the append-only ledger. Never
holds a plain token or password, nor anything about the watched system. Asks nobody but `lib`.
"""
