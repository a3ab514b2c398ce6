"""On call: to whom an alert goes. For now the guide's own answer: its owner, wherever the owner reads messages.

Holds nothing yet (rotas and escalation come with their rows); never sends anything; asks only the guide.
"""

from __future__ import annotations

from nigrani.guide.model import Alert, Guide, Receiver


def receivers_for(guide: Guide, alert: Alert) -> list[Receiver]:
    """Return where an alert's owner is told, in the guide's order, each once; empty if the owner has nowhere.

    Receivers that are not set up are among them, so that the caller can say why nothing was sent.
    """
    return receivers_of(guide, alert.owner)


def receivers_of(guide: Guide, person: str) -> list[Receiver]:
    """Return where a person of the guide is told; empty for one who is not in it."""
    found = guide.people.get(person)
    if found is None:
        return []
    return [guide.receivers[name] for name in dict.fromkeys(found.receivers) if name in guide.receivers]
