"""Before every answer: who asks, may they; and every failure in one shape."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from functools import wraps

import msgspec
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from nigrani.access import tokens
from nigrani.access.models import Role
from nigrani.guide import Guide, current
from nigrani.lib import clock
from nigrani.lib.errors import NigraniError, SourceError

log = logging.getLogger(__name__)

_encoder = msgspec.json.Encoder()


class Problem(msgspec.Struct, frozen=True):
    """A failure: what, and what to do about it."""

    error: str
    hint: str = ""


class NotFound(NigraniError):
    """There is no such thing."""


class BadRequest(NigraniError):
    """A parameter does not fit."""


class Ask:
    """What a view gets: the request's parameters, the guide that runs, and one instant for the whole answer."""

    def __init__(self, request: HttpRequest) -> None:
        self.parameters = request.GET
        if "%00" in request.META.get("QUERY_STRING", ""):  # PostgreSQL's text holds none
            raise BadRequest("A parameter holds a sign that no text has.", "Leave %00 out.")
        self.path = request.path
        self.guide: Guide = current.get()
        self.now: datetime = clock.now()

    def number(self, name: str) -> int | None:
        """Return a parameter as a positive number, None when it is left out. Raises BadRequest."""
        text = self.parameters.get(name)
        if text is None:
            return None
        if not (text.isascii() and text.isdecimal() and len(text) < 18):
            raise BadRequest(f"{name} is no number.", f"Write for example ?{name}=50")
        return int(text)


View = Callable[..., object]


def answers(role: Role) -> Callable[[View], Callable[..., HttpResponse]]:
    """Make a function from an Ask to a shape into a GET address that wants a token of at least `role`."""

    def door(view: View) -> Callable[..., HttpResponse]:
        @csrf_exempt  # no cookie is read here, so no other site can borrow one
        @wraps(view)
        def answered(request: HttpRequest, **parts: object) -> HttpResponse:
            try:
                return _answer(request, role, view, parts)
            except NotFound as error:
                return reply(Problem(error.message, error.hint), status=404)
            except BadRequest as error:
                return reply(Problem(error.message, error.hint), status=400)
            except SourceError as error:
                return reply(Problem(error.message, error.hint), status=503)
            except NigraniError as error:
                return reply(Problem(error.message, error.hint), status=500)
            except Exception:  # whoever asks reads JSON, also of what nobody foresaw; its words are for the log
                log.exception("An answer failed.", extra={"action": "api.failed", "path": request.path})
                problem = Problem(
                    "This answer failed.", "The cause is in Nigrani's own log. Other addresses may answer."
                )
                return reply(problem, status=500)

        return answered

    return door


def _answer(request: HttpRequest, role: Role, view: View, parts: dict[str, object]) -> HttpResponse:
    if request.method not in ("GET", "HEAD"):
        return reply(Problem("This address only answers GET."), status=405, allow="GET, HEAD")
    refusal = _refusal(request, role)
    return refusal or reply(view(Ask(request), **parts))


def _refusal(request: HttpRequest, role: Role) -> HttpResponse | None:
    """Return why the request is turned away, or None. Only the header counts: never a cookie, never the address."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    bearer = tokens.check(token.strip(), now=clock.now()) if scheme.lower() == "bearer" else None
    if bearer is None:
        problem = Problem("A token is missing, or it is not good.", "Send: Authorization: Bearer ngr_…")
        response = reply(problem, status=401)
        response.headers["WWW-Authenticate"] = 'Bearer realm="nigrani"'
        return response
    if not bearer.role.allows(role):
        hint = f"This one has the role {bearer.role.value}."
        return reply(Problem(f"This takes a token with the role {role.value}.", hint), status=403)
    return None


def reply(shape: object, *, status: int = 200, allow: str = "") -> HttpResponse:
    """Return a shape as JSON; never kept by any cache."""
    response = HttpResponse(_encoder.encode(shape), status=status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    if allow:
        response.headers["Allow"] = allow
    return response


@csrf_exempt
def nothing(request: HttpRequest, rest: str = "") -> HttpResponse:
    """Answer an address that is none of ours."""
    return reply(Problem("There is no such address.", "See docs/rooms/api.md for those there are."), status=404)
