"""Cookies of Auth.js: the CSRF pair and the session token.

The session is a token and never a row, as in the ERP (JWT strategy, 24 h, rolling): nothing in the database ends it.
Ours is signed (HS256) where Auth.js also encrypts; no outsider can tell.
"""

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import asdict, dataclass

from schoolyard import clock
from schoolyard.http import Request

SESSION_COOKIE = "authjs.session-token"
CSRF_COOKIE = "authjs.csrf-token"
LIFETIME_S = 24 * 3600


@dataclass(frozen=True, slots=True)
class Session:
    """Who is logged in. role and school_id are None when the school was suspended at login."""

    user_id: str
    name: str
    email: str
    role: str | None
    school_id: str | None
    expires: float


class Sessions:
    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def issue(self, session: Session) -> str:
        """Return the value of the session cookie."""
        body = base64.urlsafe_b64encode(json.dumps(asdict(session)).encode()).decode()
        return f"{body}.{self._sign(body)}"

    def read(self, request: Request) -> Session | None:
        """Return the session of a request's cookie; None without one, and for a forged or expired one."""
        body, _, signature = (request.cookie(SESSION_COOKIE) or "").partition(".")
        if not body or not hmac.compare_digest(signature, self._sign(body)):
            return None
        session = Session(**json.loads(base64.urlsafe_b64decode(body)))
        return session if session.expires > clock.now().timestamp() else None

    def csrf(self, request: Request) -> tuple[str, str | None]:
        """Return the CSRF token and, when the request has no valid one yet, the cookie value that carries it."""
        token, _, digest = (request.cookie(CSRF_COOKIE) or "").replace("%7C", "|").partition("|")
        if token and hmac.compare_digest(digest, self._csrf_digest(token)):
            return token, None
        token = secrets.token_hex(32)
        return token, f"{token}%7C{self._csrf_digest(token)}"

    def _csrf_digest(self, token: str) -> str:
        return hashlib.sha256(token.encode() + self._secret).hexdigest()

    def _sign(self, body: str) -> str:
        return hmac.new(self._secret, body.encode(), "sha256").hexdigest()


def session_cookie(value: str, *, expires: float) -> tuple[str, str]:
    """Return the Set-Cookie header of a session; an empty value with expires=0 deletes it."""
    until = max(0, int(expires - clock.now().timestamp()))
    return ("set-cookie", f"{SESSION_COOKIE}={value}; Path=/; Max-Age={until}; HttpOnly; SameSite=Lax")
