"""People who mean no good, or no harm but trouble: what they do at the ERP, again and again, until called off.

Logins go through the website's own route, so that its rules decide what a refusal leaves behind. The rest is what the
ERP's own code would have written: permission checks of server actions, file accesses, exports.
"""

import asyncio
import hashlib
import json
import random
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime

import httpx

from schoolyard import clock
from schoolyard.people import Person
from schoolyard.pool import PrismaError
from schoolyard.rows import World
from schoolyard.traffic import log_in
from schoolyard.web.audit import INSERT, permission
from schoolyard.web.erp import Erp

Value = float | int | str
AGENT = "python-requests/2.32"
_EACH_S = 0.05


class Intruders:
    """Tasks by the name of the switch that started them."""

    def __init__(self, erp: Erp, world: Callable[[], World], url: Callable[[], str], rng: random.Random) -> None:
        self._erp = erp
        self._world = world
        self._url = url
        self._rng = rng
        self._tasks: dict[str, tuple[dict[str, Value], asyncio.Task[None]]] = {}

    async def settle(self, active: dict[str, dict[str, Value]]) -> None:
        """Let exactly those be at work whose switch is on; one whose settings changed begins anew."""
        for name, (settings, task) in list(self._tasks.items()):
            if active.get(name) != settings:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
                del self._tasks[name]
        acts: dict[str, Callable[[dict[str, Value]], Awaitable[None]]] = {
            "failed_logins": self._fail_logins,
            "permission_denied": self._meet_denials,
            "file_access": self._reach_for_files,
            "large_export": self._export,
        }
        for name, act in acts.items():
            if name in active and name not in self._tasks:
                self._tasks[name] = (dict(active[name]), asyncio.create_task(_quietly(act, active[name])))

    async def stop(self) -> None:
        """Call everyone off."""
        await self.settle({})

    async def _fail_logins(self, settings: dict[str, Value]) -> None:
        kind, count = str(settings["kind"]), int(settings["count"])
        person = self._victim(kind)
        done = 0
        no_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        while not count or done < count:
            # A new address every few tries: the ERP's limiter lets ten calls of one address pass.
            headers = {"user-agent": AGENT, "x-forwarded-for": self._address()}
            async with httpx.AsyncClient(
                base_url=self._url(), headers=headers, timeout=30, trust_env=False, verify=no_tls
            ) as client:
                for _ in range(4):
                    if count and done >= count:
                        return
                    await self._try_login(client, kind, person)
                    done += 1
                    await asyncio.sleep(_EACH_S)

    async def _try_login(self, client: httpx.AsyncClient, kind: str, person: Person) -> None:
        assert person.school is not None
        code = person.school.code
        match kind:
            case "unknown":
                await log_in(client, f"nobody{self._rng.randrange(10**6)}@nowhere.example", "guess", code)
            case "wrong_school":
                other = next(each for each in self._world().schools if each is not person.school)
                await log_in(client, person.email, person.password, other.code)
            case "otp":
                await log_in(client, person.email, "", code, otpCode="000000")
            case "2fa" | "unverified" | "disabled":
                await log_in(client, person.email, person.password, code)
            case _:
                await log_in(client, person.email, "guess", code)

    def _victim(self, kind: str) -> Person:
        people = [person for person in self._world().people if person.school]
        match kind:
            case "disabled":
                return next(person for person in people if not person.is_active)
            case "2fa":
                return next(person for person in people if person.totp_secret)
            case "unverified":
                return next(person for person in people if not person.is_verified)
        return next(person for person in people if person.role == "TEACHER" and not person.totp_secret)

    async def _meet_denials(self, settings: dict[str, Value]) -> None:
        """Ask for what a teacher may not have, with an allowed check now and then, as server actions do."""
        person = self._victim("known")
        for number in range(int(settings["count"]) or 10**9):
            wanted = ("STUDENT:DELETE", "PAYMENT:UPDATE", "USER:CREATE")[number % 3]
            await self._write_check(person, wanted, granted=False)
            if number % 3 == 0:
                await self._write_check(person, "STUDENT:READ", granted=True)
            await asyncio.sleep(_EACH_S)

    async def _write_check(self, person: Person, wanted: str, *, granted: bool) -> None:
        resource, changes = permission(wanted, person.role, granted=granted)
        await self._write("READ", resource, wanted, person.id, changes, address="unknown")

    async def _reach_for_files(self, settings: dict[str, Value]) -> None:
        """Reach for another school's file. Where the action is no label of the enum, the fallback row is left."""
        person = self._victim("known")
        other = next(each for each in self._world().schools if each is not person.school)
        for number in range(int(settings["count"]) or 10**9):
            key = f"school-{other.id}/documents/marks-{self._erp.new_id()[:10]}.pdf"
            if settings["row"] == "fallback":
                await self._write_fallback(person, key)
            else:
                await self._write("READ", "file_access", key, person.id, {}, address=self._address())
            if number == 0:
                self._erp.lines.say(
                    "Access denied: No permission for this school\n"
                    "    at verifyFileAccess (/app/.next/server/chunks/4821.js:1:11873)"
                )
            await asyncio.sleep(_EACH_S)

    async def _write_fallback(self, person: Person, key: str) -> None:
        context = {
            "userId": person.id, "action": "DOWNLOAD", "resource": "file_access", "resourceId": key,
            "details": {"result": "DENIED", "reason": "Cross-school access denied"},
        }  # fmt: skip
        changes: dict[str, object] = {
            "error": "Invalid value for argument `action`. Expected AuditAction.",
            "originalContext": context,
        }
        await self._insert("CREATE", "AUDIT_LOG", None, person.id, changes, self._address(), "error-log")

    async def _export(self, settings: dict[str, Value]) -> None:
        """Carry a whole school's list away."""
        person = next(each for each in self._world().people if each.role == "ADMIN")
        for _ in range(int(settings["count"]) or 10**9):
            changes: dict[str, object] = {"format": "csv", "recordCount": int(settings["records"])}
            await self._write("EXPORT", str(settings["resource"]), None, person.id, changes, address=self._address())
            await asyncio.sleep(_EACH_S)

    async def _write(
        self, action: str, resource: str, key: str | None, user: str, changes: dict[str, object], *, address: str
    ) -> None:
        await self._insert(action, resource, key, user, changes, address, None)

    async def _insert(
        self,
        action: str,
        resource: str,
        key: str | None,
        user: str,
        changes: dict[str, object],
        address: str,
        checksum: str | None,
    ) -> None:
        at: datetime = clock.naive(clock.now() + self._erp.ahead)
        told = {**changes, "severity": "HIGH", "timestamp": at.isoformat(timespec="milliseconds") + "Z"}
        written = json.dumps(told)
        made = checksum or hashlib.sha256(written.encode()).hexdigest()
        row = (self._erp.new_id(), user, None, action, resource, key, written, address, AGENT, at, at, at, made)
        try:
            async with self._erp.pool.connection() as connection:
                await connection.execute(INSERT, row)
        except PrismaError as error:
            self._erp.lines.say(f"Failed to log audit event: {error}")

    def _address(self) -> str:
        return f"45.{self._rng.randint(64, 95)}.{self._rng.randint(0, 255)}.{self._rng.randint(1, 254)}"


async def _quietly(act: Callable[[dict[str, Value]], Awaitable[None]], settings: dict[str, Value]) -> None:
    """Go on after a website or a database that is down: the next try may find it up."""
    while True:
        try:
            await act(settings)
            return
        except (httpx.HTTPError, PrismaError):
            await asyncio.sleep(1)
