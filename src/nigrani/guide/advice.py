"""What is no mistake in a guide, but should be known: what is not set up, and what nobody would hear of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .model import Guide, Receiver, Source


def warnings(guide: Guide) -> list[str]:
    """Return one sentence for each thing that is not set up. An empty list: everything the guide names works."""
    return list(_warnings(guide))


def _warnings(guide: Guide) -> Iterator[str]:
    if guide.dead_man is None:
        unset = _unset(guide.missing.get("dead_man", ()))
        yield f"No dead-man address is set up: if this machine dies, nobody is told.{unset}"
    if not guide.reference:
        unset = _unset(guide.missing.get("reference", ()))
        yield f"No reference address is set up: our own outage can't be told from the watched system's.{unset}"
    for source in guide.sources.values():
        if source.missing:
            yield _missing("source", source)
    for receiver in guide.receivers.values():
        if receiver.missing:
            yield _missing("receiver", receiver)
    for owner in sorted({alert.owner for alert in guide.alerts.values()}):
        if not any(guide.receivers[name].is_set_up for name in guide.people[owner].receivers):
            count = sum(alert.owner == owner for alert in guide.alerts.values())
            would = f"{count} alerts reach" if count > 1 else "1 alert reaches"
            yield f"No receiver of '{owner}' is set up: {would} nobody."


def _unset(names: Sequence[str]) -> str:
    return f" {_list(names)} {_is(names)} not set." if names else ""


def _missing(noun: str, each: Source | Receiver) -> str:
    return f"The {noun} '{each.name}' is not set up: {_list(each.missing)} {_is(each.missing)} missing."


def _list(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _is(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"
