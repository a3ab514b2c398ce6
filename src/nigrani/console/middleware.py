"""What holds for every request and answer of the console, so that no page can forget it."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)

_OWN_WORDS = ("/api/", "/login", "/welcome/")  # these refuse it in their own form


class ContentSecurityPolicy:
    """Nothing inline, nothing from elsewhere; and no page in any cache, since all are somebody's own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=()"
        if not response.has_header("Cache-Control"):
            response.headers["Cache-Control"] = "no-store"
        return response


class NoNul:
    """Refuse what holds a NUL: no name, address or form has one, and PostgreSQL can't even be asked for it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(_OWN_WORDS):
            sent = [value for _, values in request.GET.lists() for value in values]
            if request.method == "POST":
                sent += [value for _, values in request.POST.lists() for value in values]
            if any("\0" in text for text in sent):
                return HttpResponse("This holds a NUL character. Nothing was done.\n", "text/plain", status=400)
        return self._get_response(request)
