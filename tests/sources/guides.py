"""Guides made of a few probes, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from nigrani.guide import Guide, Probe, Source, Where
from nigrani.integrations.web.config import ProbeConfig, SourceConfig

_HERE = Where("website.yaml", 1, 1)


def web(
    base: str,
    probes: Mapping[str, ProbeConfig] | None = None,
    *,
    name: str = "website",
    every_s: float = 15,
    timeout_s: float = 2,
    missing: tuple[str, ...] = (),
) -> Source:
    """Return a web source with the probes, or with one of its front page."""
    return source(
        name,
        "web",
        None if missing else SourceConfig(base=base),
        probes or {"login": ProbeConfig()},
        every_s=every_s,
        timeout_s=timeout_s,
        missing=missing,
    )


def source(
    name: str,
    kind: str,
    config: Any,
    probes: Mapping[str, Any],
    *,
    every_s: float = 15,
    timeout_s: float = 2,
    missing: tuple[str, ...] = (),
) -> Source:
    """Return a source of any kind."""
    every, timeout = timedelta(seconds=every_s), timedelta(seconds=timeout_s)
    return Source(
        name=name,
        kind=kind,
        title=name.title(),
        config=config,
        stale_after=timedelta(minutes=1),
        probes={each: Probe(each, question, every, timeout, _HERE) for each, question in probes.items()},
        missing=missing,
        where=_HERE,
    )


def guide(*sources: Source, reference: tuple[str, ...] = ()) -> Guide:
    """Return a guide that has these sources and nothing else."""
    return Guide(
        name="Test",
        zone=ZoneInfo("Asia/Kolkata"),
        folder="guide",
        digest="0",
        reference=reference,
        dead_man=None,
        dead_man_every=timedelta(seconds=30),
        sources={each.name: each for each in sources},
        measures={},
        alerts={},
        promises={},
        people={},
        receivers={},
        rows={},
        text={},
    )
