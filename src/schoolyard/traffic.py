"""Seeded users of the ERP: they come at school hours and go through the website's real routes.

Whom they are and what they do follows from the seed; only when they come follows the clock.
"""

import asyncio
import random
import ssl
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta, timezone
from urllib.parse import urlencode

import httpx

from schoolyard import clock
from schoolyard.people import Person
from schoolyard.rows import World
from schoolyard.web.work import action_id

IST = timezone(timedelta(hours=5, minutes=30), "IST")
MAX_AT_ONCE = 40
LONGEST_WAIT_S = 30.0
AGENTS = (
    "Mozilla/5.0 (Linux; Android 14; SM-A155F) AppleWebKit/537.36 Chrome/131.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/131.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Version/18.1 Mobile Safari/604.1",
)
KINDS = {"login": 45, "look": 33, "validate": 17, "wrong_school_code": 3, "wrong_password": 2, "work": 8, "upload": 2}
STAFF = ("TEACHER", "ADMIN")
WORK = ("STUDENT:READ", "ATTENDANCE:CREATE", "MARK:UPDATE")
DEMAND = ((0, 0.03), (6, 0.3), (8.5, 1.0), (10, 0.35), (17, 0.5), (19, 0.9), (22, 0.15), (23.5, 0.03))
AREAS = {"ADMIN": "/admin", "TEACHER": "/teacher", "STUDENT": "/student", "PARENT": "/parent"}


def demand(hour: float) -> float:
    """Return how busy the schools are at an hour of IST (0-24), as a share of the morning peak."""
    return [share for start, share in DEMAND if hour >= start][-1]


@dataclass(frozen=True)
class Visit:
    """One person's visit. gap: the wait before it, in mean gaps."""

    kind: str
    person: Person
    address: str
    agent: str
    gap: float


def visits(world: World, rng: random.Random) -> Iterator[Visit]:
    """Yield visits without end; the same world and generator state give the same ones."""
    regulars = [p for p in world.people if p.school and p.is_active and p.is_verified and not p.totp_secret]
    staff = [each for each in regulars if each.role in STAFF]
    while True:
        [kind] = rng.choices(list(KINDS), list(KINDS.values()))
        yield Visit(
            kind=kind,
            person=rng.choice(staff if kind in ("work", "upload") else regulars),
            address=f"103.{rng.randint(16, 31)}.{rng.randint(0, 255)}.{rng.randint(1, 254)}",
            agent=rng.choice(AGENTS),
            gap=rng.expovariate(1.0),
        )


class Traffic:
    """rate: visits a second at the morning peak; hour: an hour of IST to pretend, None for the real one."""

    def __init__(self, url: str, plan: Iterator[Visit], *, rate: float, hour: float | None) -> None:
        self.rate = rate
        self.hour = hour
        self.is_paused = False
        self.done: Counter[str] = Counter()
        self._url = url
        self._plan = plan
        self._running: set[asyncio.Task[None]] = set()
        self._no_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # the site is plain HTTP: load no certificates

    async def run(self) -> None:
        """Send visitors until cancelled."""
        try:
            for visit in self._plan:
                await self._wait(visit.gap)
                if self.is_paused or len(self._running) >= MAX_AT_ONCE:
                    self.done["turned_away"] += 1
                    continue
                task = asyncio.create_task(self._visit(visit))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    async def _wait(self, gap: float) -> None:
        """Wait `gap` mean gaps, as long as they are at the present hour."""
        while gap > 0:
            pace = self.rate * demand(self.hour if self.hour is not None else _hour_now())
            pause = min(gap / pace, LONGEST_WAIT_S)
            await asyncio.sleep(pause)
            gap -= pause * pace

    async def _visit(self, visit: Visit) -> None:
        headers = {"user-agent": visit.agent, "x-forwarded-for": visit.address}
        try:
            async with httpx.AsyncClient(
                base_url=self._url, headers=headers, timeout=30, trust_env=False, verify=self._no_tls
            ) as client:
                await self._act(client, visit)
            self.done[visit.kind] += 1
        except httpx.HTTPError:
            self.done["unreachable"] += 1

    async def _act(self, client: httpx.AsyncClient, visit: Visit) -> None:
        school = visit.person.school
        assert school is not None
        await client.get("/login" if visit.kind != "look" else "/")
        if visit.kind == "look":
            await client.get("/api/subdomain/validate", params={"subdomain": school.subdomain})
            return
        code = "NOSUCH" if visit.kind == "wrong_school_code" else school.code
        await client.post("/api/schools/validate", json={"schoolCode": code})
        if visit.kind in ("validate", "wrong_school_code"):
            return
        password = "guess" if visit.kind == "wrong_password" else visit.person.password
        await log_in(client, visit.person.email, password, code)
        await client.get("/api/auth/session")
        area = AREAS.get(visit.person.role, "/dashboard")
        await client.get(area)
        if visit.kind == "work":
            for wanted in WORK:
                await client.post(area, headers={"next-action": action_id(wanted)}, json=[])
        elif visit.kind == "upload":
            await client.post("/api/upload", files={"file": ("marks.pdf", b"%PDF-1.7", "application/pdf")})


async def log_in(client: httpx.AsyncClient, email: str, password: str, school_code: str, **more: str) -> httpx.Response:
    """Log in as a browser does: fetch the CSRF token, post the form. The answer is a redirect either way."""
    answer = await client.get("/api/auth/csrf")
    token = answer.json().get("csrfToken", "") if answer.status_code == 200 else ""
    form = {"csrfToken": token, "email": email, "password": password, "schoolCode": school_code, **more}
    return await client.post(
        "/api/auth/callback/credentials",
        content=urlencode(form),
        headers={"content-type": "application/x-www-form-urlencoded"},
    )


def _hour_now() -> float:
    local = clock.now().astimezone(IST)
    return local.hour + local.minute / 60
