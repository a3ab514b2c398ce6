"""How an entry of `covers` is written and read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from .fields import Text
from .model import Cover
from .parser import NOTHING, Nothing, Parser
from .reader import Broken, Entries, Node, Scalar
from .references import Reference


class CoverEntry:
    """`K01`, or `{K01: "which part of it"}` when the item answers only a part of the row."""

    @classmethod
    def from_node(cls, node: Node, parser: Parser, label: str) -> Cover | Nothing:
        """Read one entry of `covers`."""
        if isinstance(node, Scalar):
            parser.references.append(Reference("row", node.text, node.where, label))
            return Cover(node.text)
        if isinstance(node, Entries) and len(node.pairs) == 1:
            key, part = node.pairs[0]
            parser.references.append(Reference("row", key.text, key.where, label))
            text = parser.value(part, Text, f"'{key.text}' in {label}")
            return NOTHING if text is NOTHING else Cover(key.text, str(text))
        if not isinstance(node, Broken):
            parser.problems.add(node.where, f'{label} wants a row such as K01, or {{K01: "which part of it"}}')
        return NOTHING

    @classmethod
    def schema(cls) -> Mapping[str, Any]:
        """Return the JSON Schema of one entry."""
        row = r"^[A-Z]+[0-9]+$"
        return {
            "anyOf": [
                {"type": "string", "pattern": row},
                {
                    "type": "object", "minProperties": 1, "maxProperties": 1,
                    "propertyNames": {"pattern": row}, "additionalProperties": {"type": "string", "minLength": 1},
                },
            ]
        }  # fmt: skip


Covered = Annotated[Cover, CoverEntry]
