"""What a PostgreSQL's failures mean: from SQLSTATEs and libpq's words to the four kinds of SourceError.

While logging in, libpq keeps the server's sentence but not its SQLSTATE. English sentences are known here; any other
is asked for once more with libpq's trace on, which shows the code, and remembered.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from psycopg import pq

from .errors import Refused, SourceError, Throttled, Unreachable, Unreadable


class PostgresError(Exception):
    """What went wrong with a PostgreSQL, for the caller to decide by.

    word: dns, connect, refused, tls, timeout, reset, protocol, full, busy (our own role's limit), starting, denied
        (credentials or rights), missing (no such database), superuser (a role we were told not to use), setting (our
        address or statement), size (too large an answer), sql (any other).
    phase: dns, connect, login or query. sqlstate: the server's five characters, or "". ms: the phases that ended.
    """

    def __init__(self, word: str, phase: str, text: str, sqlstate: str = "") -> None:
        super().__init__(text)
        self.word, self.phase, self.text, self.sqlstate = word, phase, text, sqlstate
        self.ms: Mapping[str, float] = {}


def told(error: SourceError) -> PostgresError:
    """Return what lies behind an error that `lib.postgres.run` raised."""
    assert isinstance(error.__cause__, PostgresError)
    return error.__cause__


_LOGIN_WORDS = (
    (r"too many connections for role", "53300", "busy"),
    (r"too many clients already|remaining connection slots are reserved|too many connections for", "53300", "full"),
    (r"no more connections allowed|Max client connections reached|MaxClientsInSessionMode", "53300", "full"),
    (r"query_wait_timeout", "53300", "full"),
    (r"password authentication failed|wrong password type|SASL authentication failed", "28P01", "denied"),
    (r"no pg_hba\.conf entry|is not permitted to log in|authentication failed", "28000", "denied"),
    (r"FATAL: +role .* does not exist", "28000", "denied"),
    (r"no password supplied", "28P01", "denied"),
    (r"permission denied for database", "42501", "denied"),
    (r"FATAL: +database .* does not exist", "3D000", "missing"),
    (r"the database system is (starting|shutting|not (yet )?accepting|in recovery)", "57P03", "starting"),
    (r"terminating connection due to administrator command", "57P01", "reset"),
)
_TEXT_WORDS = (
    (r"root certificate file .* does not exist|certificate file .* does not exist", "setting"),
    (r"invalid (sslmode|connection option|port number|integer value)|could not match", "setting"),
    (r"error response during SSL exchange", "reset"),
    (r"SSL negotiation|expected authentication request|unexpected response from server", "protocol"),
    (r"invalid message length|lost synchronization|message type .* arrived|unsupported protocol", "protocol"),
    (r"message contents do not agree|unexpected message|out-of-order|invalid .* message|malformed", "protocol"),
    (r"certificate|SSL error|does not support SSL|server name|sslmode", "tls"),
    (r"Connection refused|No such file or directory", "refused"),
    (r"could not translate host name", "dns"),
    (r"timed? ?out|timeout expired", "timeout"),
    (r"reset by peer|closed the connection|EOF detected|Broken pipe|SSL connection has been closed", "reset"),
    (r"could not receive data|could not send data|server conn crashed|connection not open", "reset"),
    (r"No route to host|unreachable|Cannot assign|Permission denied|could not connect", "connect"),
)
_BY_STATE = {
    "53300": "full", "57P03": "starting", "57P01": "reset", "57P02": "reset", "57014": "timeout", "55P03": "timeout",
    "3D000": "missing", "42501": "denied", "25006": "denied", "57P05": "reset", "25P03": "reset", "25P04": "timeout",
}  # fmt: skip
_BY_CLASS = {"08": "reset", "28": "denied", "42": "setting", "25": "setting", "0A": "setting"}
_codes: dict[str, str] = {}
_CODES_KEPT = 64


def code_of(said: str, ask_again: Callable[[], str]) -> str:
    """Return the SQLSTATE behind a login's failure, "" when it is no server's sentence."""
    for pattern, code, _ in _LOGIN_WORDS:
        if re.search(pattern, said):
            return code
    if "FATAL:" in said:  # English, but none that we know: the kind hardly matters
        return ""
    is_servers = re.search(r"failed: (\w+): +", said)
    if not is_servers:
        return ""
    shape = re.sub(r'".*?"|«.*?»|„.*?“|\d+', "…", said)
    if shape not in _codes and len(_codes) < _CODES_KEPT:
        _codes[shape] = ask_again()
    return _codes.get(shape, "")


@contextmanager
def trace_file() -> Iterator[tuple[int, Callable[[], str]]]:
    """Yield a file for libpq's trace that no other process sees, and how to read the last SQLSTATE from it."""
    with tempfile.TemporaryFile() as kept:
        fileno = os.dup(kept.fileno())

        def code() -> str:
            kept.seek(0)
            found = re.findall(rb'ErrorResponse.*? C "([0-9A-Z]{5})"', kept.read())
            return found[-1].decode() if found else ""

        try:
            yield fileno, code
        finally:
            os.close(fileno)


def at_login(said: str, code: str, *, phase: str) -> PostgresError:
    """Sort a login's failure."""
    for pattern, _, word in _LOGIN_WORDS:
        if re.search(pattern, said):
            return PostgresError(word, "login", _sentence(word, phase, _servers_words(said)), code)
    if code:
        word = _by_state(code)
        return PostgresError(word, "login", _sentence(word, "login", _servers_words(said)), code)
    if "FATAL:" in said or "ERROR:" in said:
        return PostgresError("denied", "login", _sentence("denied", "login", _servers_words(said)))
    return from_text(said, phase=phase)


def from_text(said: str, *, phase: str) -> PostgresError:
    """Sort what libpq says when the server says nothing; the words may hold an address, so they are not kept."""
    for pattern, word in _TEXT_WORDS:
        if re.search(pattern, said, re.IGNORECASE):
            return PostgresError(word, phase, _sentence(word, phase, ""))
    return PostgresError("protocol", phase, _sentence("protocol", phase, ""))


def from_result(result: pq.abc.PGresult) -> PostgresError:
    """Sort a statement's failure. The server's sentence is kept, its detail is not: it may quote rows."""
    code = (result.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode()
    text = (result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b"").decode(errors="replace")
    word = _by_state(code)
    return PostgresError(word, "query", _sentence(word, "query", text), code)


def kind(error: PostgresError, *, uncertain: bool = False) -> SourceError:
    """Return the kind of SourceError whose consequence fits."""
    match error.word:
        case "dns" | "connect" | "refused" | "tls" | "timeout" | "reset" | "starting" | "missing":
            return Unreachable(error.text, uncertain=uncertain and error.phase == "query")
        case "full" | "busy":
            return Throttled(error.text)
        case "denied":
            return Refused(error.text, "Check the role, its password and its grants.")
        case "superuser":
            return Refused(error.text, "Use a role that may only read.")
        case "setting":
            return Refused(error.text, "Check the address and the statement.")
        case _:
            return Unreadable(error.text)


def _by_state(code: str) -> str:
    return _BY_STATE.get(code) or _BY_CLASS.get(code[:2]) or "sql"


def _servers_words(said: str) -> str:
    return re.sub(r"^.*?failed: \w+: +", "", said, flags=re.DOTALL).split("\n", 1)[0][:200]


_SENTENCES = {
    "dns": "The database's name is unknown.",
    "connect": "There is no way to the database.",
    "refused": "The database's port is closed.",
    "tls": "The encrypted connection to the database failed.",
    "timeout": "The database did not answer in time.",
    "reset": "The database broke the connection off.",
    "protocol": "What answered does not speak PostgreSQL.",
    "full": "The database has no free connection.",
    "busy": "Our own role has used up its connections.",
    "starting": "The database is starting or stopping.",
    "denied": "The database refused us.",
    "missing": "The server has no such database.",
    "setting": "The database rejected what we asked.",
    "sql": "The statement failed.",
}


def _sentence(word: str, phase: str, servers_words: str) -> str:
    told = f"{_SENTENCES[word]} (while at: {phase})" if word in ("timeout", "reset", "tls") else _SENTENCES[word]
    return f"{told} It said: {servers_words}" if servers_words else told
