"""The whole yard: the ERP, its database, the receivers, the control API, in one process with PostgreSQL as child."""

import asyncio
import json
import os
import signal
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from schoolyard import clock, plants
from schoolyard.control import Control
from schoolyard.database import OWNER, Database, Hog, new_rng
from schoolyard.http import HOST, Request, Response, Site, answer_html
from schoolyard.intruders import Intruders
from schoolyard.levers import Levers
from schoolyard.pool import Pool
from schoolyard.postgres import Postgres
from schoolyard.receivers.deadman import Deadman
from schoolyard.receivers.hook import Hook
from schoolyard.receivers.journal import Journal
from schoolyard.receivers.mail import Mail, address
from schoolyard.receivers.slack import Slack
from schoolyard.renames import Renames
from schoolyard.rows import World
from schoolyard.traffic import Traffic, visits
from schoolyard.web import pages
from schoolyard.web.erp import Erp, Lines, Mode
from schoolyard.web.sessions import Sessions
from schoolyard.web.site import Weather, Website

JOURNALS = ("slack", "smtp", "hook", "deadman")


@dataclass(frozen=True)
class Plan:
    """How a yard is to be. hour: an hour of IST for the traffic to pretend; None follows the clock."""

    home: Path
    mode: Mode = "real"
    scale: str = "normal"
    seed: int = 1
    traffic_rate: float = 0.5
    hour: float | None = None
    pool_limit: int = 5
    pool_timeout_s: float = 10.0
    echo: bool = False
    plants: tuple[str, ...] | None = None  # None: those of the mode
    renames: Renames = field(default_factory=Renames)

    def planted(self) -> frozenset[str]:
        """Return what is planted at the start. Raises FaultError."""
        if self.plants is None:
            return plants.REAL if self.mode == "real" else frozenset()
        return plants.read(self.plants)


class Yard:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        plan.home.mkdir(parents=True, exist_ok=True)
        self.world = World()
        self.database = Database(Postgres(plan.home))
        self.pool = Pool(self.database.dsn, limit=plan.pool_limit, timeout_s=plan.pool_timeout_s)
        self.lines = Lines(plan.home / "erp.log", echo=plan.echo)
        self.journals = {name: Journal(plan.home / "journal" / f"{name}.jsonl") for name in JOURNALS}
        self._build_receivers()
        self._build_website()
        self._traffic_task: asyncio.Task[None] | None = None

    def _build_receivers(self) -> None:
        seed = self.plan.seed
        self.slack = Slack(self.journals["slack"], new_rng(seed, "slack"))
        self.hook = Hook(self.journals["hook"])
        identity = uuid.UUID(int=new_rng(seed, "deadman").getrandbits(128), version=4)
        self.deadman = Deadman(self.journals["deadman"], identity)
        self.mail = Mail(self.journals["smtp"])
        self.slack_site = Site(self.slack.answer)
        self.hook_site = Site(self.hook.answer)
        self.deadman_site = Site(self.deadman.answer)

    def _build_website(self) -> None:
        seed = self.plan.seed
        self.erp = Erp(
            pool=self.pool,
            mode=self.plan.mode,
            lines=self.lines,
            sessions=Sessions(new_rng(seed, "auth").randbytes(32).hex()),
            origin=lambda: self.site.url,
            rng=new_rng(seed, "ids"),
        )
        self.website = Website(self.erp, Weather(), new_rng(seed, "weather"))
        self.site = Site(self.website.answer)
        self.elsewhere = Site(_elsewhere)

    async def start(self) -> None:
        """Start everything and write state.json. Raises PostgresError when the database cannot be made."""
        self.world = await self.database.create(
            seed=self.plan.seed, scale=self.plan.scale, now=clock.now(), renames=self.plan.renames
        )
        plan = visits(self.world, new_rng(self.plan.seed, "traffic"))
        rate = self.plan.traffic_rate
        self.traffic = Traffic(self.site.url, plan, rate=rate or 1.0, hour=self.plan.hour)
        self.levers = self._levers()
        await self.levers.plant(self.plan.planted(), at_start=True)
        self.control = Site(Control(self.levers, self.journals, self.deadman, self.state).answer)
        for port in (self.site, self.elsewhere, self.slack_site, self.hook_site, self.deadman_site, self.control):
            await port.open()
        await self.mail.open()
        if rate > 0:
            self._traffic_task = asyncio.create_task(self.traffic.run())
        target = self.plan.home / "state.json"
        target.touch(mode=0o600)
        target.write_text(json.dumps(self.document(), indent=2) + "\n")

    def _levers(self) -> Levers:
        return Levers(
            database=self.database,
            pool=self.pool,
            hog=Hog(self.database, self.pool),
            website=self.website,
            site=self.site,
            elsewhere=self.elsewhere,
            receivers={
                "slack_trouble": self.slack_site,
                "hook_trouble": self.hook_site,
                "deadman_trouble": self.deadman_site,
                "smtp_trouble": self.mail,
            },
            troubles={
                "slack_trouble": self.slack.trouble,
                "hook_trouble": self.hook.trouble,
                "deadman_trouble": self.deadman.trouble,
                "smtp_trouble": self.mail.trouble,
            },
            traffic=self.traffic,
            intruders=Intruders(
                self.erp, lambda: self.world, lambda: self.site.url, new_rng(self.plan.seed, "intruders")
            ),
            renames=self.plan.renames,
        )

    async def stop(self) -> None:
        """Stop everything: no process of the yard is left."""
        if self._traffic_task:
            self._traffic_task.cancel()
            with suppress(asyncio.CancelledError):
                await self._traffic_task
        await self.levers.intruders.stop()
        await self.levers.hog.let_go()
        for port in (self.control, self.site, self.elsewhere, self.slack_site, self.hook_site, self.deadman_site):
            await port.close(keep=False)
        await self.mail.close(keep=False)
        await self.pool.close()
        await self.database.wire.port.close(keep=False)
        await self.database.server.stop()
        self.lines.close()
        for journal in self.journals.values():
            journal.close()
        (self.plan.home / "state.json").unlink(missing_ok=True)

    def document(self) -> dict[str, object]:
        """Return where everything is: what `up` prints and state.json holds."""
        server = self.database.server
        return {
            "ready": True,
            "pid": os.getpid(),
            "home": str(self.plan.home),
            "mode": self.plan.mode,
            "seed": self.plan.seed,
            "control": {"url": self.control.url},
            "website": {"url": self.site.url, "log": str(self.plan.home / "erp.log")},
            "elsewhere": {"url": self.elsewhere.url},
            "database": {
                "dsn": self.database.dsn,
                "direct_dsn": self.database.direct_dsn,
                "superuser_dsn": server.superuser_dsn,
                "owner": OWNER,
                "log": str(server.log),
            },
            "receivers": self._receivers_document(),
            "schools": [asdict(school) for school in self.world.schools],
            "accounts": {
                role: asdict(self.world.account(role))
                for role in ("SUPER_ADMIN", "ADMIN", "TEACHER", "STUDENT", "PARENT")
            },
        }

    def _receivers_document(self) -> dict[str, object]:
        slack = self.slack_site.url
        return {
            "slack": {
                "webhook_url": slack + self.slack.hook_path,
                "api_url": f"{slack}/api",
                "token": self.slack.token,
                "channels": {channel.name: channel.id for channel in self.slack.channels},
            },
            "smtp": {"url": address(self.mail.port), "host": HOST, "port": self.mail.port},
            "hook": {"url": f"{self.hook_site.url}/hook/"},
            "deadman": {
                "ping_url": f"{self.deadman_site.url}/ping/{self.deadman.uuid}",
                "uuid": str(self.deadman.uuid),
            },
        }

    def state(self) -> dict[str, object]:
        """Return the document with what changes: faults that are on, counters, the dead-man check."""
        return {
            **self.document(),
            "faults": self.levers.faults.active,
            "plants": sorted(self.erp.plants),
            "deadman": self.deadman.show(),
            "counters": {
                "website": dict(self.erp.answered),
                "traffic": dict(self.traffic.done),
                "journals": {name: len(journal) for name, journal in self.journals.items()},
            },
        }


async def _elsewhere(request: Request) -> Response:
    """Stand for the rest of the internet: an unchanging page."""
    return answer_html(pages.page("Elsewhere", "<p>The rest of the world is up.</p>"))


async def run(plan: Plan) -> None:
    """Start a yard, print its document as one JSON line, and keep it up until SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stopped.set)
    yard = Yard(plan)
    try:
        await yard.start()
    except BaseException:
        await yard.database.server.stop()
        raise
    print(json.dumps(yard.document()), flush=True)
    await stopped.wait()
    await yard.stop()
