"""A guide in the making: what the loader has read, before objects are made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .model import Row
from .outside import Outside
from .reader import Node
from .repeat import RepeatShape
from .shapes import DeadManShape, TellingShape


@dataclass
class Draft:
    """A guide as far as it has been read: its settings, and each section's shapes by name.

    A shape's misfitting fields are NOTHING; the mistake is noted already.
    """

    rows: Mapping[str, Row]
    nodes: Mapping[str, Mapping[str, Node]]
    shapes: dict[str, dict[str, Any]] = field(default_factory=dict)
    outsides: dict[tuple[str, str], Outside] = field(default_factory=dict)
    tables: dict[str, tuple[str, ...]] = field(default_factory=dict)
    reads: dict[str, Any] = field(default_factory=dict)
    top: Any = None
    dead_man: DeadManShape | None = None
    telling: TellingShape | None = None
    repeat: RepeatShape | None = None
    reference: tuple[str, ...] = ()
    missing: dict[str, tuple[str, ...]] = field(default_factory=dict)
