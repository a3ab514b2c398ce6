"""Read just enough of a statement to serve it: where an INSERT's data begins, and what we never run.

The embedded engine was made for one user at a terminal, so it would run several statements at once, write a result
`INTO OUTFILE` and read any file through the function `file()`, the last two even with readonly=1 (measured on
chdb-core 26.9.0). A ClickHouse server refuses all three over HTTP; so do we, before the engine sees the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_QUOTED = r"""'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`(?:[^`\\]|\\.|``)*`"""
_BLANK = r"\s+|--[^\n]*|/\*.*?\*/"
_TOKEN = re.compile(rf"(?P<blank>{_BLANK})|(?P<quoted>{_QUOTED})|(?P<word>[A-Za-z_]\w*)|.", re.DOTALL)
# Searched in the whole text, quotes and comments included: a lexer of ours that disagreed with the engine's on where a
# quote ends must not open a door. 'file' as a plain string value is let through.
_NEVER = re.compile(r"\b(outfile|infile)\b|\bpython\s*\(|(?<!')\bfile\b|\bfile\b(?!')", re.IGNORECASE)
# `fi\x6ce`('/etc/passwd') is file() to the engine.
_ESCAPED_NAME = re.compile(r"[`\"][^`\"'\n]*\\")
_READS = frozenset({"SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS"})


class Rejected(Exception):
    """A statement that is not run. `code` is the ClickHouse error code a server would give."""

    def __init__(self, code: int, name: str, message: str) -> None:
        super().__init__(f"Code: {code}. DB::Exception: {message} ({name})")
        self.code = code


@dataclass(frozen=True)
class Insert:
    """An INSERT whose data follows its text: the statement without FORMAT, the format, the data."""

    sql: str
    format: str
    data: bytes


def split_insert(raw: bytes) -> Insert | None:
    """Return the parts of `INSERT INTO … FORMAT name <data>`, or None if it is any other statement.

    The data is cut off before anything is decoded, since it may be binary.
    """
    text = raw[:65536].decode("latin-1")  # one character a byte, so that positions stay true
    words: list[str] = []
    for token in _TOKEN.finditer(text):
        if token["blank"] or not token["word"]:
            continue
        word = token["word"].upper()
        if not words and word != "INSERT":
            return None
        if words and words[-1] == "FORMAT":
            head = raw[: token.start()].decode()
            end = token.end()
            while raw[end : end + 1] in (b" ", b"\t", b"\r"):
                end += 1
            end += raw[end : end + 1] == b"\n"
            return Insert(head[: head.upper().rindex("FORMAT")].rstrip(), token["word"], raw[end:])
        if word in ("SELECT", "VALUES", "WITH"):
            return None
        words.append(word)
    return None


def check(sql: str, *, reads_only: bool) -> None:
    """Raise Rejected for several statements, files, and (when reads_only) for all that is no reading statement."""
    if found := _NEVER.search(sql):
        raise Rejected(481, "PATH_ACCESS_DENIED", f"{found[0]} is not served over HTTP: it would touch files.")
    if reads_only and _ESCAPED_NAME.search(sql):
        raise Rejected(62, "SYNTAX_ERROR", "A quoted name with a backslash is not served.")
    first, ended = "", False
    for token in _TOKEN.finditer(sql):
        if token["blank"]:
            continue
        if ended and token[0] != ";":
            raise Rejected(62, "SYNTAX_ERROR", "Several statements in one request are not allowed.")
        ended = ended or token[0] == ";"
        if not first and token[0] != "(":
            first = token[0].upper()
    if not first or first == ";":
        raise Rejected(62, "SYNTAX_ERROR", "The query is empty.")
    if reads_only and first not in _READS:
        raise Rejected(164, "READONLY", f"Cannot execute {first} in readonly mode.")
