"""Audit rows as the ERP's main writer leaves them (SikshaMitra ERP, audit-service.ts)."""

import hashlib
import json

from schoolyard import clock
from schoolyard.http import Request
from schoolyard.pool import PrismaError
from schoolyard.web.erp import Erp
from schoolyard.web.rules import client_address

CACHE_S = 5.0
FAILED = "\nInvalid `prisma.auditLog.create()` invocation:\n\n\nForeign key constraint failed on the field: `userId`"
INSERT = """
INSERT INTO audit_logs (id, "userId", "schoolId", action, resource, "resourceId", changes, "ipAddress", "userAgent",
                        "timestamp", "createdAt", "updatedAt", checksum)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"""


def permission(wanted: str, role: str | None, *, granted: bool) -> tuple[str, dict[str, object]]:
    """Return the resource and the changes of the row that a check of `RESOURCE:ACTION` leaves."""
    resource, _, action = wanted.partition(":")
    changes: dict[str, object] = {"resource": resource, "action": action, "granted": granted, "role": role}
    if not granted:
        changes["reason"] = f"Insufficient permissions for {wanted}"
    return "PERMISSION_CHECK" if granted else "PERMISSION_DENIED", changes


class Audit:
    """Writes audit rows. In real mode address and agent are cached process-wide for 5 s, as the ERP does by mistake."""

    def __init__(self, erp: Erp) -> None:
        self._erp = erp
        self._seen: tuple[float, str, str] = (0.0, "", "")

    async def check(self, request: Request, user_id: str, wanted: str, role: str | None, *, granted: bool) -> None:
        """Say what became of a permission check, as `hasPermission` does: without an address."""
        resource, changes = permission(wanted, role, granted=granted)
        await self.write(
            request, action="READ", resource=resource, user_id=user_id, changes=changes, key=wanted, address="unknown"
        )

    async def write(
        self,
        request: Request,
        *,
        action: str,
        resource: str,
        user_id: str | None,
        changes: dict[str, object],
        key: str | None = None,
        address: str | None = None,
    ) -> None:
        """Insert one row; a failing insert becomes a log line and nothing else.

        The school goes into `changes`; into the column too only where that is mended. `details` is dropped.
        key: of what it is about, else it is about the user. address: instead of the request's.
        """
        at = clock.naive(clock.now() + self._erp.ahead)
        told = {**changes, "severity": "MEDIUM", "timestamp": at.isoformat(timespec="milliseconds") + "Z"}
        seen, agent = self._caller(request)
        signed = json.dumps([user_id, action, resource, key or user_id, told], sort_keys=True)
        checksum = hashlib.sha256(signed.encode()).hexdigest()
        row = (
            *(
                self._erp.new_id(),
                user_id,
                self._school(changes),
                action,
                resource,
                key or user_id,
                json.dumps(told),
                address or seen,
                agent,
            ),
            *(at, at, at, checksum),
        )
        if self._erp.audit_fails:
            self._erp.lines.say(f"Failed to log audit event: PrismaClientKnownRequestError: {FAILED}")
            self._erp.lines.say(f"Failed to log audit failure: PrismaClientKnownRequestError: {FAILED}")
            return
        try:
            async with self._erp.pool.connection() as connection:
                await connection.execute(INSERT, row)
        except PrismaError as error:
            self._erp.lines.say(f"Failed to log audit event: {error}")

    def _school(self, changes: dict[str, object]) -> object:
        return None if "audit-names-no-school" in self._erp.plants else changes.get("schoolId")

    def _caller(self, request: Request) -> tuple[str, str]:
        now = clock.now().timestamp()
        if self._erp.mode == "real" and now - self._seen[0] < CACHE_S:
            return self._seen[1:]
        self._seen = (now, client_address(request), request.headers.get("user-agent", "unknown"))
        return self._seen[1:]
