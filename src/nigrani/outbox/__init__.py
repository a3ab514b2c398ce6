"""Everything that leaves us for a person: messages, every try to send them, and what became of them.

Holds: messages (what, to whom, in which state) and attempts (when, what came back). Never holds: secrets (they stay
in the guide's configuration), whom to tell and why (alerts decides), how a vendor wants it (integrations know).
Asks: the guide for receivers, integrations for their `send`.
"""
