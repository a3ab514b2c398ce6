"""What is no mistake in a guide, but should be known: what is not set up, and what nobody would hear of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .model import Guide, Receiver, Source


def warnings(guide: Guide) -> list[str]:
    """Return one sentence for each thing that is not set up. An empty list: everything the guide names works."""
    return list(_warnings(guide))


def _warnings(guide: Guide) -> Iterator[str]:
    unset = f" {_list(guide.missing)} {_is(guide.missing)} not set." if guide.missing else ""
    if guide.dead_man is None:
        yield f"No dead-man address is set up: if this machine dies, nobody is told.{unset}"
    if not guide.reference:
        yield f"No reference address is set up: we can't tell our own outage from the watched system's.{unset}"
    for source in guide.sources.values():
        if source.missing:
            yield _missing("source", source)
    for receiver in guide.receivers.values():
        if receiver.missing:
            yield _missing("receiver", receiver)
    for owner in sorted({alert.owner for alert in guide.alerts.values()}):
        names = guide.people[owner].receivers
        if not any(guide.receivers[name].is_set_up for name in names):
            count = sum(alert.owner == owner for alert in guide.alerts.values())
            yield (
                f"{guide.people[owner].title} owns {count} alert{'s' if count != 1 else ''} and has no receiver "
                "that is set up: these alerts reach nobody."
            )


def _missing(noun: str, each: Source | Receiver) -> str:
    return f"The {noun} '{each.name}' is not set up: {_list(each.missing)} {_is(each.missing)} missing."


def _list(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _is(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"
