"""The credentials login: whom it lets in, which audit row and which log line each refusal leaves.

Observed on SikshaMitra ERP (src/auth.ts): unknown identifiers and a missing second factor leave no row at all;
`blocked_identifiers` is never asked; two-factor, unconfirmed e-mail and a dead database all show as `Configuration`.
"""

from dataclasses import dataclass
from urllib.parse import quote

from psycopg.rows import DictRow

from schoolyard import clock
from schoolyard.http import Request, Response, answer_json
from schoolyard.people import password_matches, totp
from schoolyard.pool import Connection, PrismaError
from schoolyard.web.audit import Audit
from schoolyard.web.erp import Erp
from schoolyard.web.sessions import LIFETIME_S, Session, session_cookie

SIGNIN = "CredentialsSignin&code=credentials"
CONFIGURATION = "Configuration"


@dataclass(eq=False)
class Refusal(Exception):
    """Why someone may not in. reason None: no audit row is written."""

    reason: str | None
    user_id: str | None = None
    shown: str = SIGNIN
    line: str | None = None


@dataclass(frozen=True)
class Attempt:
    """One filled-in login form."""

    identifier: str
    password: str
    otp_code: str
    school_code: str
    totp_code: str


@dataclass
class Login:
    erp: Erp
    audit: Audit

    async def answer(self, request: Request) -> Response:
        """Answer POST /api/auth/callback/credentials: a redirect, or JSON for the client of next-auth."""
        form = request.form()
        token, fresh = self.erp.sessions.csrf(request)
        if fresh or form.get("csrfToken") != token:
            self.erp.lines.say("[auth][error] MissingCSRF: CSRF token was missing during an action callback.")
            return self._go(request, "/login?error=MissingCSRF")
        attempt = Attempt(
            identifier=form.get("email") or form.get("mobile") or form.get("identifier", ""),
            password=form.get("password", ""),
            otp_code=form.get("otpCode", ""),
            school_code=form.get("schoolCode", ""),
            totp_code=form.get("totpCode", ""),
        )
        self.erp.lines.say(
            f"DEBUG: Credentials values: {{ identifier: '{attempt.identifier}', schoolCode: '{attempt.school_code}' }}"
        )
        try:
            session, school_code = await self._authorize(attempt)
        except Refusal as refusal:
            return await self._refuse(request, attempt, refusal)
        except PrismaError as error:
            return await self._fail(request, error)
        await self._record_success(request, attempt, session, school_code)
        response = self._go(request, form.get("callbackUrl") or "/dashboard")
        response.headers.append(session_cookie(self.erp.sessions.issue(session), expires=session.expires))
        return response

    async def _authorize(self, attempt: Attempt) -> tuple[Session, str | None]:
        """Return the session to give. Raises Refusal, or PrismaError when the database fails."""
        refusal: Refusal | None = None
        async with self.erp.pool.connection() as connection:
            try:
                return await self._check(connection, attempt)
            except Refusal as why:
                refusal = why  # leave the transaction in peace: a counted OTP attempt must be kept
        raise refusal

    async def _check(self, connection: Connection, attempt: Attempt) -> tuple[Session, str | None]:
        user = await _find_user(connection, attempt.identifier)
        school = await _find_school(connection, user, attempt.school_code)
        identity: str = user["id"]
        if attempt.otp_code:
            await _check_otp(connection, identity, attempt)
        elif not user["passwordHash"]:
            raise Refusal("NO_PASSWORD_SET", identity)
        elif not password_matches(attempt.password, user["passwordHash"]):
            raise Refusal("INVALID_PASSWORD", identity)
        if user["emailVerified"] is None:
            raise Refusal("EMAIL_NOT_VERIFIED", identity, CONFIGURATION, _cause("EMAIL_NOT_VERIFIED"))
        _check_second_factor(user, attempt.totp_code)
        expires = clock.now().timestamp() + LIFETIME_S
        if school is not None and school["status"] != "ACTIVE":
            return Session(identity, user["name"], user["email"], None, None, expires), school["schoolCode"]
        role, school_id = (school["role"], school["id"]) if school else (user["role"], None)
        session = Session(identity, user["name"], user["email"], role, school_id, expires)
        return session, school["schoolCode"] if school else None

    async def _record_success(
        self, request: Request, attempt: Attempt, session: Session, school_code: str | None
    ) -> None:
        """Leave the two rows of one success: count `nextauth_signin` only, or logins double."""
        first: dict[str, object] = {
            "identifier": attempt.identifier,
            "schoolCode": school_code,
            "authMethod": "otp" if attempt.otp_code else "password",
            "has2FA": bool(attempt.totp_code),
            "schoolId": session.school_id,
        }
        second: dict[str, object] = {
            "provider": "credentials",
            "authMethod": "nextauth",
            "schoolId": session.school_id,
        }
        for resource, changes in (("nextauth_login", first), ("nextauth_signin", second)):
            await self.audit.write(request, action="LOGIN", resource=resource, user_id=session.user_id, changes=changes)

    async def _refuse(self, request: Request, attempt: Attempt, refusal: Refusal) -> Response:
        if refusal.line:
            self.erp.lines.say(refusal.line)
        if refusal.shown == SIGNIN:
            self.erp.lines.say("[auth][error] CredentialsSignin: Read more at https://errors.authjs.dev")
        if refusal.reason is None and refusal.user_id is None and "unknown-logins-lost" not in self.erp.plants:
            refusal.reason = "USER_NOT_FOUND"
        if refusal.reason:
            changes: dict[str, object] = {"reason": refusal.reason, "identifier": attempt.identifier}
            if refusal.user_id:
                changes["schoolCode"] = attempt.school_code
            await self.audit.write(
                request, action="LOGIN", resource="nextauth_login", user_id=refusal.user_id, changes=changes
            )
        return self._go(request, f"/login?error={refusal.shown}")

    async def _fail(self, request: Request, error: PrismaError) -> Response:
        self.erp.lines.prisma("user.findFirst", error)
        self.erp.lines.say(f"NextAuth authorization error: {error}")
        self.erp.lines.say(_cause(str(error)))
        await self.audit.write(
            request, action="LOGIN", resource="nextauth_login", user_id=None, changes={"error": str(error)}
        )
        return self._go(request, f"/login?error={CONFIGURATION}")

    def _go(self, request: Request, where: str) -> Response:
        url = where if where.startswith("http") else self.erp.origin() + where
        if "x-auth-return-redirect" in request.headers:
            return answer_json({"url": url})
        return Response(302, b"", [("location", quote(url, safe=":/?&=%#+,;@"))])


def _cause(what: str) -> str:
    more = "Read more at https://errors.authjs.dev#callbackrouteerror"
    return f"[auth][error] CallbackRouteError: {more}\n[auth][cause]: Error: {what}"


async def _find_user(connection: Connection, identifier: str) -> DictRow:
    """Return the user of an e-mail address or mobile number who is active and, but for super admins, in a school."""
    query = """
        SELECT u.*, EXISTS (SELECT 1 FROM user_schools us WHERE us."userId" = u.id AND us."isActive") AS in_school
        FROM "User" u WHERE u.email = %s OR u.mobile = %s"""
    user = await (await connection.execute(query, (identifier, identifier))).fetchone()
    if user is None:
        raise Refusal(None, line=f"❌ No user found with identifier: {identifier}")
    if not user["isActive"] or (user["role"] != "SUPER_ADMIN" and not user["in_school"]):
        raise Refusal("USER_NOT_FOUND", line="❌ User not found or has no active schools")
    return user


async def _find_school(connection: Connection, user: DictRow, code: str) -> DictRow | None:
    """Return the school a user logs in to (the first one without a code); None for a super admin without one."""
    query = """
        SELECT s.id, s."schoolCode", s.status, us.role FROM user_schools us JOIN schools s ON s.id = us."schoolId"
        WHERE us."userId" = %s AND us."isActive" AND (%s = '' OR s."schoolCode" = %s) ORDER BY us."createdAt" LIMIT 1"""
    school = await (await connection.execute(query, (user["id"], code, code))).fetchone()
    if school is None and user["role"] != "SUPER_ADMIN":
        line = f"❌ User has no UserSchool relationships for school: {code}"
        raise Refusal("NO_SCHOOL_ASSOCIATION", user["id"], line=line)
    return school


async def _check_otp(connection: Connection, identity: str, attempt: Attempt) -> None:
    """Compare a one-time code with the newest unused one. Raises Refusal."""
    query = """
        SELECT id, "codeHash" FROM otps WHERE identifier = %s AND NOT "isUsed" AND "expiresAt" > %s
        ORDER BY "createdAt" DESC LIMIT 1"""
    found = await connection.execute(query, (attempt.identifier, clock.naive(clock.now())))
    otp = await found.fetchone()
    if otp is None:
        raise Refusal("OTP_NOT_FOUND", identity, line="❌ OTP verification failed: OTP_NOT_FOUND")
    if not password_matches(attempt.otp_code, otp["codeHash"]):
        await connection.execute("UPDATE otps SET attempts = attempts + 1 WHERE id = %s", (otp["id"],))
        raise Refusal("INVALID_OTP", identity, line="❌ OTP verification failed: INVALID_OTP")
    await connection.execute('UPDATE otps SET "isUsed" = true WHERE id = %s', (otp["id"],))


def _check_second_factor(user: DictRow, code: str) -> None:
    """Demand the TOTP code of those who enrolled. Raises Refusal; a missing code leaves no audit row."""
    if not user["twoFactorEnabled"]:
        return
    if not code:
        raise Refusal(None, user["id"], CONFIGURATION, _cause("2FA_REQUIRED"))
    now = clock.now().timestamp()
    if code not in {totp(user["twoFactorSecret"], now + drift) for drift in (-30, 0, 30)}:
        raise Refusal("INVALID_2FA_CODE", user["id"], CONFIGURATION, _cause("INVALID_2FA_CODE"))
