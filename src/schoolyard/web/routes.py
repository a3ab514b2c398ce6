"""The routes that need no login, the session routes, and the pages behind the login."""

import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from schoolyard import clock
from schoolyard.http import Request, Response, answer_html, answer_json
from schoolyard.pool import PrismaError
from schoolyard.web import pages
from schoolyard.web.audit import Audit
from schoolyard.web.erp import Erp
from schoolyard.web.login import Login
from schoolyard.web.rules import area_role
from schoolyard.web.sessions import LIFETIME_S, Session, session_cookie
from schoolyard.web.work import Work

Route = Callable[[Request], Awaitable[Response]]
FIND_SCHOOL = 'SELECT id, name, "schoolCode", subdomain, status FROM schools WHERE {} = %s'


class Routes:
    def __init__(self, erp: Erp) -> None:
        self.erp = erp
        self.audit = Audit(erp)
        self.work = Work(erp, self.audit)
        self._table: dict[tuple[str, str], Route] = {
            ("GET", "/"): self.home,
            ("GET", "/login"): self.login_page,
            ("GET", "/sd"): self.login_page,
            ("GET", "/setup"): self.setup_page,
            ("GET", "/api/health"): self.health,
            ("GET", "/api/status"): self.health,
            ("POST", "/api/schools/validate"): self.validate_school,
            ("GET", "/api/subdomain/validate"): self.validate_subdomain,
            ("GET", "/api/auth/csrf"): self.csrf,
            ("GET", "/api/auth/session"): self.session,
            ("POST", "/api/auth/callback/credentials"): Login(erp, self.audit).answer,
            ("POST", "/api/auth/signout"): self.sign_out,
            ("GET", "/api/webhooks/monitoring"): self.webhook_ready,
            ("GET", "/api/webhooks/msg91"): self.webhook_ready,
            ("GET", "/api/super-admin/system/health"): self.system_health,
            ("GET", "/api/csrf-token"): self.csrf_token,
            ("POST", "/api/payments/webhook"): self.payment_webhook,
            ("POST", "/api/web-vitals"): self.web_vitals,
            ("GET", "/api/cron/cleanup-sessions"): self.clean_up,
            ("GET", "/api/r2/files"): self.files,
            ("POST", "/api/upload"): self.work.upload,
        }

    async def answer(self, request: Request) -> Response:
        """Answer a request that the middleware let through; an unknown path is the 404 page."""
        method = "GET" if request.method == "HEAD" else request.method
        route = self._table.get((method, request.path))
        if route is not None:
            return await route(request)
        if any(path == request.path for _, path in self._table):
            return Response(405, b"", [("allow", "GET, HEAD, POST")])
        if request.path == "/dashboard" or area_role(request.path):
            is_action = request.method == "POST" and "next-action" in request.headers
            return await (self.work.act(request) if is_action else self.area(request))
        return answer_html(pages.NOT_FOUND, status=404)

    async def home(self, request: Request) -> Response:
        """Show the front page; with the database down the ERP believes it was never set up."""
        try:
            await self.erp.pool.one("SELECT count(*) AS n FROM schools")
        except PrismaError as error:
            self.erp.lines.prisma("school.count", error)
            return Response(307, b"", [("location", "/setup")])
        return answer_html(pages.HOME)

    async def login_page(self, request: Request) -> Response:
        """Show the login form. As observed it reads no database, so 200 proves only the web tier."""
        if "login-no-proof" not in self.erp.plants:
            try:
                await self.erp.pool.one("SELECT 1 AS alive")
            except PrismaError as error:
                self.erp.lines.prisma("$queryRaw", error)
                return answer_html(pages.SERVER_ERROR, status=500)
        return answer_html(pages.LOGIN)

    async def setup_page(self, request: Request) -> Response:
        return answer_html(pages.SETUP)

    async def health(self, request: Request) -> Response:
        """Answer {status, timestamp} after one database read where the route exists (repaired mode), else 404."""
        if not self.erp.has_health_route:
            return answer_html(pages.NOT_FOUND, status=404)
        try:
            await self.erp.pool.one("SELECT 1 AS alive")
        except PrismaError as error:
            self.erp.lines.prisma("$queryRaw", error)
            return answer_json({"status": "error", "timestamp": clock.stamp()}, status=503)
        return answer_json({"status": "ok", "timestamp": clock.stamp()})

    async def validate_school(self, request: Request) -> Response:
        """Look a school code up: public, CSRF-exempt, one database read; the cheapest true probe of the ERP."""
        try:
            code = request.json()["schoolCode"]
        except (ValueError, KeyError, TypeError):
            code = None
        if not isinstance(code, str) or not code:
            return answer_json({"success": False, "error": "School code is required"}, status=400)
        try:
            school = await self.erp.pool.one(FIND_SCHOOL.format('"schoolCode"'), code)
        except PrismaError as error:
            self.erp.lines.prisma("school.findUnique", error)
            self.erp.lines.say(f"Error validating school code: {error}")
            return answer_json({"success": False, "error": "Failed to validate school code"}, status=500)
        if school is None:
            return answer_json({"success": False, "error": "Invalid school code"}, status=404)
        shown = {"id": school["id"], "name": school["name"], "schoolCode": school["schoolCode"]}
        return answer_json({"success": True, "school": shown})

    async def validate_subdomain(self, request: Request) -> Response:
        name = request.query.get("subdomain", "")
        if not name:
            return answer_json({"error": "Subdomain is required"}, status=400)
        try:
            school = await self.erp.pool.one(FIND_SCHOOL.format("subdomain"), name)
        except PrismaError as error:
            self.erp.lines.prisma("school.findUnique", error)
            return answer_json({"error": "Internal server error"}, status=500)
        if school is None or school["status"] != "ACTIVE":
            return answer_json({"error": "School not found or inactive"}, status=404)
        return answer_json({"id": school["id"], "name": school["name"], "subdomain": school["subdomain"]})

    async def csrf(self, request: Request) -> Response:
        """Give the token of the Auth.js CSRF pair; the cookie is what the middleware has just set."""
        return answer_json({"csrfToken": request.headers["x-authjs-csrf"]})

    async def session(self, request: Request) -> Response:
        """Show the session, or null. Each read re-issues the cookie for another 24 h; no database read."""
        session = self.erp.sessions.read(request)
        if session is None:
            return answer_json(None)
        expires = clock.now().timestamp() + LIFETIME_S
        renewed = Session(session.user_id, session.name, session.email, session.role, session.school_id, expires)
        user = {"name": session.name, "email": session.email, "id": session.user_id, "role": session.role}
        until = clock.stamp(datetime.fromtimestamp(expires, UTC))
        response = answer_json({"user": {**user, "schoolId": session.school_id}, "expires": until})
        response.headers.append(session_cookie(self.erp.sessions.issue(renewed), expires=expires))
        return response

    async def csrf_token(self, request: Request) -> Response:
        """Hand out a token of the ERP's own CSRF pair. As observed, the cookie that belongs to it is never set."""
        token = secrets.token_hex(32)
        response = answer_json({"csrfToken": token})
        if "csrf-cookie-never-set" not in self.erp.plants:
            response.headers.append(("set-cookie", f"csrf-token={token}; Path=/; SameSite=Strict"))
        return response

    async def payment_webhook(self, request: Request) -> Response:
        """Refuse what the gateway did not sign; this yard has no gateway that could."""
        is_signed = "x-razorpay-signature" in request.headers
        self.erp.lines.say("Invalid webhook signature" if is_signed else "Webhook signature missing")
        return answer_json({"error": "Invalid signature" if is_signed else "Signature missing"}, status=400)

    async def web_vitals(self, request: Request) -> Response:
        return answer_json({"success": True})

    async def clean_up(self, request: Request) -> Response:
        """Say how many sessions have run out, to whoever knows the secret of scheduled jobs."""
        if "cron-open" not in self.erp.plants:
            return answer_json({"error": "Unauthorized"}, status=401)
        return answer_json({"success": True, "stats": {"expired": 0, "active": 0}})

    async def files(self, request: Request) -> Response:
        return answer_json({"success": False, "error": "File key is required"}, status=400)

    async def sign_out(self, request: Request) -> Response:
        session = self.erp.sessions.read(request)
        if session is not None:
            await self.audit.write(
                request, action="LOGOUT", resource="nextauth_signout", user_id=session.user_id, changes={}
            )
        gone = [("location", self.erp.origin() + "/login"), session_cookie("", expires=0)]
        return Response(302, b"", gone)

    async def webhook_ready(self, request: Request) -> Response:
        """Answer GET on a webhook: 200 whatever the database does."""
        name = request.path.rsplit("/", 1)[-1]
        return answer_json({"status": "ok", "message": f"{name} webhook endpoint is active"})

    async def area(self, request: Request) -> Response:
        """Show a page behind the login: one database read; a failing one is the 500 page."""
        try:
            row = await self.erp.pool.one('SELECT count(*) AS n FROM user_schools WHERE "isActive"')
        except PrismaError as error:
            self.erp.lines.prisma("userSchool.count", error)
            return answer_html(pages.SERVER_ERROR, status=500)
        return answer_html(pages.area(request.path.strip("/").split("/")[0].title(), row["n"] if row else 0))

    async def system_health(self, request: Request) -> Response:
        """Report the ERP's own view of its health to super admins (401 for other roles).

        Constants as observed: `external` is always healthy, `performance` never changes, `storage` is a local folder.
        """
        began = clock.now()
        session = self.erp.sessions.read(request)
        if session is None or session.role != "SUPER_ADMIN":
            return answer_json({"error": "Unauthorized"}, status=401)
        database = "healthy"
        try:
            await self.erp.pool.one("SELECT 1 AS alive")
        except PrismaError as error:
            self.erp.lines.prisma("$queryRaw", error)
            database = "unhealthy"
        took_ms = (clock.now() - began).total_seconds() * 1000
        body = self._health_document(database, took_ms)
        status = 200 if database == "healthy" else 503
        return answer_json(body, status=status, headers={"X-Response-Time": f"{took_ms:.0f}ms"})

    def _health_document(self, database: str, took_ms: float) -> dict[str, object]:
        storage = "healthy" if Path("/tmp/backups").exists() else "degraded"  # noqa: S108 - the ERP's default
        services = {
            "database": {"status": database, "responseTime": round(took_ms)},
            "cache": {"status": "healthy"},
            "storage": {"status": storage},
            "external": {"status": "healthy"},
        }
        overall = "unhealthy" if database != "healthy" else storage
        return {
            "status": overall,
            "timestamp": clock.stamp(),
            "uptime": round(clock.now().timestamp() - self.erp.started_at, 1),
            "version": "1.0.0",
            "environment": "production",
            "services": services,
            "metrics": {"memory": {"used": 187, "total": 512}, "performance": self._performance(took_ms)},
        }

    def _performance(self, took_ms: float) -> dict[str, float]:
        if "health-numbers-constant" in self.erp.plants:
            return {"averageResponseTime": 150, "rpm": 45}
        minutes = max(1.0, (clock.now().timestamp() - self.erp.started_at) / 60)
        return {"averageResponseTime": round(took_ms, 3), "rpm": round(self.erp.answered.total() / minutes, 3)}
