"""The website as a request meets it: the faults in front, then the middleware in the ERP's order, then the routes."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from schoolyard.http import Request, Response, answer_html, answer_json
from schoolyard.web import pages
from schoolyard.web.erp import Erp
from schoolyard.web.routes import Routes
from schoolyard.web.rules import Limiter, area_role, csrf_fails, is_public, open_paths
from schoolyard.web.sessions import CSRF_COOKIE

SECURITY_HEADERS = (
    ("X-Frame-Options", "SAMEORIGIN"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "strict-origin-when-cross-origin"),
)


@dataclass
class Weather:
    """How the website misbehaves: all off by default. The control API sets it."""

    latency_s: float = 0.0
    error_share: float = 0.0
    error_status: int = 500
    redirect_loop: bool = False
    trickle_s: float | None = None
    huge_bytes: int | None = None


@dataclass
class Website:
    erp: Erp
    weather: Weather
    rng: random.Random
    routes: Routes = field(init=False)
    limiter: Limiter = field(init=False)

    def __post_init__(self) -> None:
        self.routes = Routes(self.erp)
        self.limiter = Limiter(self.erp.lines.say)

    async def answer(self, request: Request) -> Response:
        response = await self._spoil(request) or await self._pass_middleware(request)
        response.headers.extend(SECURITY_HEADERS)
        if "no-content-security-policy" not in self.erp.plants:
            response.headers.append(("Content-Security-Policy", "default-src 'self'"))
        self.erp.answered[f"{response.status // 100}xx"] += 1
        return response

    async def _spoil(self, request: Request) -> Response | None:
        """Wait and answer wrongly, as the weather has it; None lets the request through."""
        weather = self.weather
        if weather.latency_s:
            await asyncio.sleep(weather.latency_s)
        if weather.redirect_loop:
            return Response(302, b"", [("location", request.target)])
        if weather.error_share and self.rng.random() < weather.error_share:
            return answer_html(pages.SERVER_ERROR, status=weather.error_status)
        if weather.trickle_s is not None:
            return Response(200, _trickle(weather.trickle_s), [("content-type", "text/html; charset=utf-8")])
        if weather.huge_bytes is not None:
            size = str(weather.huge_bytes)
            return Response(200, _huge(weather.huge_bytes), [("content-type", "text/html"), ("content-length", size)])
        return None

    async def _pass_middleware(self, request: Request) -> Response:
        """Apply rate limit, CSRF, public list and login redirect, in that order."""
        refused = self.limiter.refusal(request)
        if refused:
            return refused
        is_open = request.path.startswith(open_paths(self.erp.plants))
        if csrf_fails(request) and not is_open:
            self.erp.lines.say(f"CSRF validation failed for {request.method} {request.path}")
            return answer_json({"error": "CSRF validation failed", "code": "CSRF_TOKEN_INVALID"}, status=403)
        token, fresh = self.erp.sessions.csrf(request)
        elsewhere = None if is_open else self._redirect(request)
        if elsewhere is not None and self._may_refuse(request):
            response = answer_json({"error": "Unauthorized"}, status=401)
        elif elsewhere is None:
            told = replace(request, headers={**request.headers, "x-authjs-csrf": token})
            response = await self.routes.answer(told)
        else:
            response = Response(307, b"", [("location", self.erp.origin() + elsewhere)])
        if fresh:
            response.headers.append(("set-cookie", f"{CSRF_COOKIE}={fresh}; Path=/; HttpOnly; SameSite=Lax"))
        if request.path.startswith("/api/") and "limiter-unseen" not in self.erp.plants:
            response.headers.extend(self.limiter.allowance(request))
        origin = quote(self.erp.origin(), safe="")
        response.headers.append(("set-cookie", f"authjs.callback-url={origin}; Path=/; HttpOnly; SameSite=Lax"))
        return response

    def _redirect(self, request: Request) -> str | None:
        """Return where a request is sent instead: to the login without a session, away from another role's area."""
        if is_public(request.path):
            return None
        if area_role(request.path) and "middleware-missing" in self.erp.plants:
            return None
        session = self.erp.sessions.read(request)
        if session is None:
            return f"/login?callbackUrl={quote(request.path, safe='')}"
        wanted = area_role(request.path)
        if wanted is None or wanted == session.role:
            return None
        return "/login?error=access_denied" if wanted == "SUPER_ADMIN" else "/dashboard"

    def _may_refuse(self, request: Request) -> bool:
        """Whether an API call without a session is told so; as observed it is redirected like a page."""
        return (
            request.path.startswith("/api/")
            and not request.path.startswith("/api/cron")
            and "denials-redirect" not in self.erp.plants
            and self.erp.sessions.read(request) is None
        )


async def _trickle(pause_s: float) -> AsyncIterator[bytes]:
    for byte in pages.LOGIN.encode() * 100:
        yield bytes([byte])
        await asyncio.sleep(pause_s)


async def _huge(size_bytes: int) -> AsyncIterator[bytes]:
    chunk = b"x" * 65536
    for start in range(0, size_bytes, len(chunk)):
        yield chunk[: size_bytes - start]
