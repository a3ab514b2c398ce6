"""Judge a guide's SELECT for PostgreSQL before it is run: one statement, that reads, and only from allowed schemas.

This finds mistakes early and with their place. What protects the database are the role's grants, the read-only
transaction and the deadline, which hold whatever is written. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from nigrani.lib.errors import NigraniError

_TOKEN = re.compile(
    r"""(?P<skip>\s+|--[^\n]*|/\*.*?\*/) | (?P<text>\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|[eEbBxXnN]?'(?:[^'\\]|''|\\.)*')
    | (?P<name>"(?:[^"]|"")+") | (?P<word>[^\W\d]\w*) | (?P<number>\d[\w.]*) | (?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)
_WRITES = frozenset(
    {
        "insert", "update", "delete", "merge", "truncate", "create", "alter", "drop",
        "grant", "revoke", "copy", "into", "call", "do", "vacuum", "analyze",
        "lock", "set", "reset", "listen", "notify", "begin", "commit", "rollback",
        "savepoint", "prepare", "execute", "deallocate", "declare", "fetch", "discard", "reindex",
    }
)  # fmt: skip
_DANGEROUS = re.compile(
    r"(pg_sleep\w*|dblink\w*|lo_\w+|pg_read_\w+|pg_ls_\w+|pg_stat_file|pg_terminate_backend|pg_cancel_backend"
    r"|pg_reload_conf|pg_advisory\w*|pg_try_advisory\w*|set_config|nextval|setval|pg_notify|pg_logical\w*|pg_promote"
    r"|\w+_to_xml\w*|ts_stat|ts_rewrite|pg_switch_wal|pg_create_\w+|pg_drop_\w+|pg_export_snapshot)\Z"
)
# Inside these functions FROM is a part of their own grammar.
_OWN_FROM = frozenset({"extract", "substring", "trim", "overlay", "position"})
_ENDS_FROM = frozenset(
    {
        "where", "group", "order", "having", "limit", "offset", "window", "union",
        "intersect", "except", "fetch", "for", "returning", "select",
    }
)  # fmt: skip


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str


def judge(sql: str, schemas: Sequence[str] | None) -> None:
    """Raise NigraniError with what is wrong. schemas: those that may be read; None when that is not known."""
    tokens = list(_tokens(sql))
    if not tokens or tokens[0].text not in ("select", "with"):
        raise NigraniError("It is no SELECT.")
    _judge_locking(tokens)
    for before, token in zip([_Token("", ""), *tokens], tokens, strict=False):
        if token == _Token("sign", ";"):
            raise NigraniError("It holds more than one statement.", "Leave the semicolon out.")
        if token.kind == "word" and token.text in _WRITES and before.text not in (".", "as"):
            raise NigraniError(f"It has the word {token.text.upper()}: only reading is allowed.")
    _judge_functions(tokens)
    if schemas is not None:
        for schema, name in _relations(tokens):
            wanted = schema or ("pg_catalog" if name.startswith("pg_") else "")
            if wanted and wanted not in schemas:
                raise NigraniError(
                    f"It reads {wanted}.{name}, and the schema {wanted} is not allowed.",
                    "Name it in the source's schemas, if it may be read.",
                )


def _tokens(sql: str) -> Iterator[_Token]:
    at = 0
    while at < len(sql):
        found = _TOKEN.match(sql, at)
        assert found is not None  # the last alternative takes any sign
        at = found.end()
        kind = found.lastgroup if found.lastgroup != "tag" else "text"
        text = found.group()
        if found["sign"] in ("'", '"', "$") and not re.match(r"\$\d", sql[found.start() :]):
            raise NigraniError("A quotation in it does not end.")
        if sql.startswith("/*", found.start()) and (found["sign"] or "/*" in text[2:]):
            raise NigraniError("A comment in it does not end, or holds another.")
        if found["name"]:
            yield _Token("name", text[1:-1].replace('""', '"'))
        elif found["skip"] is None:
            yield _Token("text" if found["text"] else kind or "", text.lower() if found["word"] else text)


def _judge_locking(tokens: Sequence[_Token]) -> None:
    for one, other in pairwise(tokens):
        if (one.kind, one.text) == ("word", "for") and other.text in ("update", "share", "no", "key"):
            raise NigraniError("It locks rows (FOR UPDATE or SHARE): only reading is allowed.")


def _judge_functions(tokens: Sequence[_Token]) -> None:
    for one, other in pairwise(tokens):
        if other.text == "(" and one.kind in ("word", "name") and _DANGEROUS.match(one.text):
            raise NigraniError(f"It calls {one.text}, which does more than read.")


def _relations(tokens: Sequence[_Token]) -> Iterator[tuple[str, str]]:
    """Yield (schema or "", name) of what stands in a FROM, and of functions that are called with their schema."""
    own: list[tuple[bool, bool]] = []  # for each open bracket: is FROM its function's own, were we in a FROM before
    is_from = False
    wanted = False
    for at, token in enumerate(tokens):
        before = tokens[at - 1] if at else _Token("", "")
        is_word = token.kind == "word"
        if token.text == "(" and token.kind == "sign":
            own.append((before.kind == "word" and before.text in _OWN_FROM, is_from))
            is_from = wanted and not (
                before.kind in ("word", "name") and before.text not in ("from", "join", "lateral")
            )
            continue
        if token.text == ")" and token.kind == "sign" and own:
            is_from = own.pop()[1]
            wanted = False
            continue
        if is_word and token.text in ("from", "join"):
            if not (own and own[-1][0]) and before.text != "distinct":
                is_from = wanted = True
            continue
        if is_from and token.kind == "sign" and token.text == ",":
            wanted = True
            continue
        if is_word and token.text in _ENDS_FROM:
            is_from = wanted = False
        if is_word and token.text in ("lateral", "only"):
            continue
        if token.kind not in ("word", "name") or before.text == ".":
            continue
        parts = _dotted(tokens, at)
        after = tokens[at + 2 * len(parts) - 1].text if at + 2 * len(parts) - 1 < len(tokens) else ""
        if wanted or (after == "(" and len(parts) > 1) or len(parts) > 2:
            yield ("", parts[0]) if len(parts) == 1 else (parts[-2] if wanted or after == "(" else parts[0], parts[-1])
        wanted = False


def _dotted(tokens: Sequence[_Token], at: int) -> list[str]:
    parts = [tokens[at].text]
    while at + 2 < len(tokens) and tokens[at + 1].text == "." and tokens[at + 2].kind in ("word", "name"):
        at += 2
        parts.append(tokens[at].text)
    return parts
