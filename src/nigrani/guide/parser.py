"""From nodes to values: each field takes its text by its annotation, and every misfit is noted with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from nigrani.lib.errors import NigraniError
from nigrani.lib.secret import Secret, Vault

from .fields import KINDS, Places, Shape, fields_of, filled_of, number, shape
from .model import Where
from .reader import Broken, Entries, Items, Node, Problems, Scalar, capital, clip
from .references import Reference

_VARIABLE = re.compile(r"\$\$\{|\$\{[^}]*\}?")
_NAME = re.compile(r"\$\{([A-Z][A-Z0-9_]*)(?::-([^}]*))?\}")


class Nothing:
    """What a field has when its text did not fit, or a `${NAME}` in it is not set. Already noted where it matters."""


NOTHING: Final = Nothing()


@dataclass
class Parser:
    """What is gathered while values are read.

    vault: where `${NAME}` is looked up; None where `${NAME}` is plain text.
    missing: the `${NAME}`s that are not set.
    """

    problems: Problems
    vault: Vault | None = None
    missing: list[str] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)

    def expanding(self, vault: Vault) -> Parser:
        """Return a parser for one source or receiver, which expands `${NAME}` and gathers its own missing names."""
        return Parser(self.problems, vault, [], self.references)

    def value(self, node: Node, wanted: Any, label: str) -> Any:
        """Return what a node means for a field annotated `wanted`, or NOTHING. `label` names the field."""
        want = shape(wanted)
        if isinstance(node, Broken):
            return NOTHING
        if isinstance(node, Scalar) and node.is_null and want.form != "json":
            if want.may_be_null:
                return None
            self.problems.add(node.where, f"{label} has no value")
            return NOTHING
        match want.form:
            case "list":
                return self._list(node, want.inner, label)
            case "table":
                return self._table(node, want.inner, label)
            case "class":
                return self._class(node, want.inner, label)
            case "raw":
                return node
            case "own":
                return want.inner.from_node(node, self, label)
            case "json":
                return self.json(node, label)
        if not isinstance(node, Scalar):
            self.problems.add(node.where, f"{label} wants a single value, not {_form(node)}")
            return NOTHING
        return self._single(node, want, label)

    def _class(self, node: Node, cls: type, label: str) -> Any:
        table = self.table(node, label)
        if table is None:
            return NOTHING
        self.unknown_keys(table, (cls,), label)
        return self.object(table, cls, label)

    def _single(self, node: Scalar, want: Shape, label: str) -> Any:
        match want.form:
            case "scalar":
                return node
            case "ref":
                self.references.append(Reference(want.inner.kind, node.text, node.where, label))
                return node.text
            case "kind" if want.inner is KINDS[Secret]:
                return self._secret(node, label, may_be_null=want.may_be_null)
        text, names = self._expand(node, label)
        if isinstance(text, Nothing):
            return NOTHING
        # What came out of the environment may be a secret put in the wrong place: it is never shown.
        shown = f"the value of ${{{names[0]}}}" if names else _short(text)
        if want.form == "choice":
            return self._choice(text, want.inner, node.where, label=label, shown=shown)
        try:
            return want.inner.parse(text)
        except (ValueError, OverflowError):
            self.problems.add(
                node.where, f"{label} wants {want.inner.noun}, for example {want.inner.example}, not {shown}"
            )
            return NOTHING

    def _choice(self, text: str, choices: tuple[Any, ...], where: Where, *, label: str, shown: str) -> Any:
        for choice in choices:
            if str(choice) == text:
                return choice
        names = [str(choice) for choice in choices]
        self.problems.add(where, f"{label} is one of {', '.join(names)}, not {shown}", wrote=text, names=names)
        return NOTHING

    def _secret(self, node: Scalar, label: str, *, may_be_null: bool) -> Secret | Nothing | None:
        name = re.fullmatch(r"\$\{([A-Z][A-Z0-9_]*)(:-)?\}", node.text)
        if name is None:
            self.problems.add(
                node.where,
                f"{label} is a secret: write ${{NAME}} and keep the value in the environment or secrets/NAME",
            )
            return NOTHING
        found = self._look_up(name[1], node.where)
        if found is None:
            if may_be_null and name[2]:
                return None
            self.missing.append(name[1])
        return found or NOTHING

    def _look_up(self, name: str, where: Where) -> Secret | Nothing | None:
        """Return the secret, None when it is not set, NOTHING when it can't be read."""
        assert self.vault is not None, "secrets stand in sources, receivers and dead_man only"
        try:
            return self.vault.get(name)
        except NigraniError as error:
            self.problems.add(where, str(error).rstrip("."))
            return NOTHING

    def _expand(self, node: Scalar, label: str) -> tuple[str | Nothing, list[str]]:
        """Return the text with every `${NAME}` replaced, and the names; NOTHING when one of them has no value."""
        if self.vault is None or "${" not in node.text:
            return node.text, []
        names: list[str] = []
        parts: list[str | Nothing] = []
        end = 0
        for found in _VARIABLE.finditer(node.text):
            parts.append(node.text[end : found.start()])
            end = found.end()
            parts.append("${" if found[0] == "$${" else self._variable(found[0], names, node.where, label))
        parts.append(node.text[end:])
        texts = [part for part in parts if not isinstance(part, Nothing)]
        return ("".join(texts) if len(texts) == len(parts) else NOTHING), names

    def _variable(self, written: str, names: list[str], where: Where, label: str) -> str | Nothing:
        read = _NAME.fullmatch(written)
        if read is None:
            self.problems.add(
                where,
                f"{label} holds {_short(written)}; write ${{NAME}} with capitals, digits and _, or ${{NAME:-else}}",
            )
            return NOTHING
        name, otherwise = read[1], read[2]
        names.append(name)
        secret = self._look_up(name, where)
        if isinstance(secret, Secret):
            return secret.reveal()
        if secret is None and otherwise is None:
            self.missing.append(name)
        return NOTHING if otherwise is None or secret is not None else otherwise

    def _list(self, node: Node, inner: Any, label: str) -> Any:
        nodes = node.nodes if isinstance(node, Items) else (node,)
        if isinstance(node, Entries) and shape(inner).form not in ("class", "own", "json", "table"):
            self.problems.add(node.where, f"{label} wants a list, not {_form(node)}")
            return NOTHING
        values = [self.value(each, inner, label) for each in nodes]
        return tuple(values) if is_read(*values) else NOTHING

    def _table(self, node: Node, inner: Any, label: str) -> Any:
        if not isinstance(node, Entries):
            self.problems.add(node.where, f"{label} wants a table of key: value, not {_form(node)}")
            return NOTHING
        values = {key.text: self.value(each, inner, f"'{key.text}' in {label}") for key, each in node.pairs}
        return values if is_read(*values.values()) else NOTHING

    def json(self, node: Node, label: str) -> Any:
        """Return a node as a JSON value: unquoted true, false, null and numbers are those, all else is text."""
        match node:
            case Items():
                values: Any = [self.json(each, label) for each in node.nodes]
                return values if is_read(*values) else NOTHING
            case Entries():
                values = {key.text: self.json(each, label) for key, each in node.pairs}
                return values if is_read(*values.values()) else NOTHING
            case Scalar():
                return _core(node) if "${" not in node.text else self._expand(node, label)[0]
            case _:
                return NOTHING

    def table(self, node: Node, label: str) -> Entries | None:
        """Return the node if it is a table of `key: value`, else note that it is none."""
        if isinstance(node, Entries):
            return node
        if not isinstance(node, Broken):
            self.problems.add(node.where, f"{capital(label)} is a table of key: value, not {_form(node)}")
        return None

    def unknown_keys(self, node: Entries, classes: tuple[type, ...], label: str) -> None:
        """Note every key that is a field of none of the classes."""
        known = {name for cls in classes for name in fields_of(cls)}
        for key, _ in node.pairs:
            if key.text not in known:
                self.problems.add(
                    key.where, f"{capital(label)} has no key '{clip(key.text)}'", wrote=key.text, names=known
                )

    def object(self, node: Entries, cls: type, label: str) -> Any:
        """Make an object of a table; keys that are no field of the class are left to `unknown_keys`.

        When a field misfits, the result is NOTHING. A class with a `Places` field is made all the same, with
        NOTHING in that field, so that the rest of it can still be judged.
        """
        written = {key.text: each for key, each in node.pairs}
        values: dict[str, Any] = {}
        for name, each in fields_of(cls).items():
            if name in written:
                values[each.attribute] = self.value(written[name], each.wanted, f"'{name}' of {label}")
            elif each.is_required:
                self.problems.add(node.where, f"{capital(label)} lacks '{name}'")
                values[each.attribute] = NOTHING
        filled = filled_of(cls)
        is_whole = is_read(*values.values())
        if not is_whole and Places not in filled.values():
            return NOTHING
        places = Places({key: each.where for key, each in written.items()}, node.where)
        made = cls(**values, **{name: node.where if kind is Where else places for name, kind in filled.items()})
        for problem in _checked(made) if is_whole else ():
            self.problems.add(node.where, f"{capital(label)}: {problem.rstrip('.')}")
        return made


def is_read(*values: object) -> bool:
    """Whether every one of the values was read, and is not NOTHING."""
    return not any(value is NOTHING for value in values)


def _checked(made: Any) -> Iterator[str]:
    check = getattr(made, "check", None)
    yield from check() if callable(check) else ()


def _core(node: Scalar) -> Any:
    """Read an unquoted scalar as YAML 1.2's core schema does."""
    if not node.plain:
        return node.text
    if node.is_null:
        return None
    if node.text in ("true", "false"):
        return node.text == "true"
    try:
        value = number(node.text)
    except ValueError:
        return node.text
    return int(node.text) if re.fullmatch(r"-?[0-9]+", node.text) else value


def _form(node: Node) -> str:
    return {Items: "a list", Entries: "a table", Scalar: "a single value"}.get(type(node), "this")


def _short(text: str) -> str:
    return f"'{clip(text)}'"
