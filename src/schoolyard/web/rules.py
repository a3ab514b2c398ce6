"""What the ERP's middleware decides before any route: who is limited, who needs CSRF, what is public."""

from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address

from schoolyard import clock
from schoolyard.http import Request, Response, answer_json

WINDOW_S = 900
BYPASS_AGENTS = ("vercel", "uptimerobot", "pingdom", "newrelic", "datadog", "statuspage", "googlehc")
BYPASS_HEADERS = ("x-vercel-id", "x-vercel-deployment-url")
BYPASS_PATHS = ("/api/health", "/api/status", "/_next/", "/api/super-admin/system/health")
CSRF_EXEMPT = (
    *("/api/auth/", "/api/webhooks/", "/api/public/", "/api/schools/validate", "/api/otp/", "/api/super-admin/"),
    *("/api/admin/", "/api/teacher/", "/api/student/", "/api/parent/"),
)
PUBLIC = (
    *("/login", "/register", "/forgot-password", "/reset-password", "/verify-email", "/setup", "/select-school"),
    *("/select-child", "/sd", "/api/auth", "/api/webhooks", "/api/csrf-token", "/api/web-vitals"),
    *("/api/test-rate-limit", "/api/subdomain", "/api/schools/validate", "/api/otp", "/api/health", "/api/status"),
    *("/about", "/contact", "/privacy", "/terms", "/verify-certificate"),
)
AREAS = {
    "/admin": "ADMIN",
    "/teacher": "TEACHER",
    "/student": "STUDENT",
    "/parent": "PARENT",
    "/super-admin": "SUPER_ADMIN",
}


def client_address(request: Request) -> str:
    """Return the first hop of x-forwarded-for, else x-real-ip, cf-connecting-ip, else the peer."""
    forwarded = request.headers.get("x-forwarded-for", "").split(",")[0].strip()
    return (
        forwarded
        or request.headers.get("x-real-ip")
        or request.headers.get("cf-connecting-ip")
        or request.peer
        or "unknown"
    )


def is_public(path: str) -> bool:
    return path == "/" or any(path == each or path.startswith(each + "/") for each in PUBLIC)


def area_role(path: str) -> str | None:
    """Return the role that a protected area of pages belongs to, or None outside them."""
    return next((role for area, role in AREAS.items() if path == area or path.startswith(area + "/")), None)


def open_paths(plants: frozenset[str]) -> tuple[str, ...]:
    """Return paths that a mended middleware lets through without a session and without the CSRF pair."""
    mended = {
        "webhook-turned-away": "/api/payments/webhook",
        "web-vitals-turned-away": "/api/web-vitals",
        "cron-turned-away": "/api/cron",
    }
    return tuple(path for plant, path in mended.items() if plant not in plants)


def csrf_fails(request: Request) -> bool:
    """Tell whether the middleware turns a request away for CSRF.

    The cookie `csrf-token` must equal the header `x-csrf-token`; nothing in the ERP ever sets that cookie.
    """
    if request.method not in ("POST", "PUT", "PATCH", "DELETE") or "next-action" in request.headers:
        return False
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        return False
    if request.path.startswith(CSRF_EXEMPT):
        return False
    cookie = request.cookie("csrf-token")
    return not cookie or cookie != request.headers.get("x-csrf-token")


@dataclass
class _Window:
    ends_at: float
    used: int = 0


@dataclass
class Limiter:
    """The ERP's rate limit: 15 minutes, one counter for all kinds of request, a limit for each kind.

    So ten page views use up the allowance of the first `/api/auth/` call. The key is the address and the first 50
    characters of the User-Agent.
    """

    say: Callable[[str], None]
    _windows: dict[tuple[str, str], _Window] = field(default_factory=dict)

    def refusal(self, request: Request) -> Response | None:
        """Count a request; return the 429 to give it, or None to let it pass."""
        reason = self._bypass(request)
        if reason:
            self.say(f"[Rate Limit Bypass] {request.path} - Reason: {reason}")
            return None
        now = clock.now().timestamp()
        key = _key(request)
        window = self._windows.get(key)
        if window is None or window.ends_at <= now:
            self._forget(now)
            window = self._windows[key] = _Window(now + WINDOW_S)
        window.used += 1
        limit = _limit(request.path)
        return _too_many(limit, window) if window.used > limit else None

    def allowance(self, request: Request) -> list[tuple[str, str]]:
        """Return the headers that say how much of its limit a request's sender has left."""
        limit = _limit(request.path)
        window = self._windows.get(_key(request))
        used = window.used if window else 0
        return [("X-RateLimit-Limit", str(limit)), ("X-RateLimit-Remaining", str(max(0, limit - used)))]

    def _forget(self, now: float) -> None:
        if len(self._windows) > 10_000:
            self._windows = {key: window for key, window in self._windows.items() if window.ends_at > now}

    @staticmethod
    def _bypass(request: Request) -> str | None:
        agent = request.headers.get("user-agent", "").lower()
        if any(name in request.headers for name in BYPASS_HEADERS):
            return "Vercel internal request"
        if any(each in agent for each in BYPASS_AGENTS):
            return "Monitoring service"
        if request.path.startswith(BYPASS_PATHS):
            return "Health check endpoint"
        return "Internal request" if _is_loopback(client_address(request)) else None


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _key(request: Request) -> tuple[str, str]:
    return client_address(request), request.headers.get("user-agent", "")[:50]


def _limit(path: str) -> int:
    if path.startswith("/api/auth/"):
        return 10
    return 100 if path.startswith("/api/") else 1000


def _too_many(limit: int, window: _Window) -> Response:
    return answer_json(
        {"error": "Too many requests. Please try again later.", "retryAfter": WINDOW_S},
        status=429,
        headers={
            "Retry-After": str(WINDOW_S),
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": str(int(window.ends_at * 1000)),
        },
    )
