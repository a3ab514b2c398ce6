"""Bring the yard into the state that the switches ask for."""

import asyncio
import signal
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta

from schoolyard import plants
from schoolyard.database import Database, Hog
from schoolyard.faults import Faults, Value
from schoolyard.http import Site
from schoolyard.intruders import Intruders
from schoolyard.pool import Pool
from schoolyard.receivers.mail import Mail
from schoolyard.receivers.trouble import Trouble
from schoolyard.renames import Renames
from schoolyard.traffic import Traffic
from schoolyard.web.site import Website


@dataclass
class Levers:
    """Everything a fault can touch. `turn` is the only way to change a switch."""

    database: Database
    pool: Pool
    hog: Hog
    website: Website
    site: Site
    elsewhere: Site
    receivers: dict[str, Site | Mail]
    troubles: dict[str, Trouble]
    traffic: Traffic
    intruders: Intruders
    faults: Faults = field(default_factory=Faults)
    renames: Renames = field(default_factory=Renames)
    _held: str = ""
    _is_revoked: bool = False
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def turn(self, name: str, settings: dict[str, Value] | None) -> None:
        """Switch one fault on (settings) or off (None) and return when it has taken effect.

        Raises FaultError when that cannot be done now; the switch then stays as it was.
        """
        async with self._lock:
            before = self.faults.active.pop(name, None)
            if settings is not None:
                self.faults.active[name] = settings
            self._set_trouble(name, settings)
            try:
                await self._settle()
            except Exception:
                self.faults.active.pop(name, None)
                if before is not None:
                    self.faults.active[name] = before
                raise

    async def plant(self, names: Collection[str], *, at_start: bool = False) -> None:
        """Let exactly these plants be there. Raises FaultError for unknown ones, and for two that don't go together."""
        wanted = plants.read(names)
        async with self._lock:
            present = self.website.erp.plants
            mended = [name for name in plants.PLANTS if name not in wanted and (at_start or name in present)]
            planted = [name for name in plants.PLANTS if name in wanted and (at_start or name not in present)]
            statements = [each for name in mended for each in plants.PLANTS[name].mend]
            statements += [each for name in planted for each in plants.PLANTS[name].plant]
            if statements:
                await self.database.execute([self.renames.fill(each) for each in statements])
            self.website.erp.plants = wanted

    async def reset(self) -> None:
        """Switch every fault off."""
        async with self._lock:
            for name in list(self.faults.active):
                self._set_trouble(name, None)
            self.faults.active.clear()
            await self._settle()

    def forget_spent(self) -> None:
        """Drop the receivers' troubles whose count has run out."""
        for name, trouble in self.troubles.items():
            if name in self.faults.active and not trouble.kind:
                del self.faults.active[name]

    def _set_trouble(self, name: str, settings: dict[str, Value] | None) -> None:
        trouble = self.troubles.get(name)
        if trouble is None:
            return
        chosen = settings or {"kind": "", "count": 0}
        trouble.kind, trouble.count = str(chosen["kind"]), int(chosen["count"])
        trouble.retry_after_s = int(chosen.get("retry_after_s", 1))
        trouble.delay_s = float(chosen.get("delay_s", 0))

    async def _settle(self) -> None:
        active = self.faults.active
        is_cut = "network_cut" in active
        if "database_hang" not in active:
            self.database.server.thaw()
        await self._settle_server("database_down" in active, is_cut=is_cut)
        self._settle_delays()
        await self._settle_logins("monitor_revoked" in active)
        await self._settle_hog(str(self.faults.setting("pool_exhausted", "scope") or ""))
        await _set_open(self.site, not (is_cut or "web_down" in active))
        await _set_open(self.elsewhere, not (is_cut or "elsewhere_down" in active))
        for name, receiver in self.receivers.items():
            await _set_open(receiver, self.troubles[name].kind != "refuse")
        self.traffic.is_paused = "traffic_paused" in active
        self.website.erp.audit_fails = "audit_fails" in active
        self.website.erp.ahead = timedelta(seconds=self.faults.number("erp_clock", "ahead_s"))
        await self.intruders.settle(active)
        if "database_hang" in active:
            self.database.server.freeze()

    async def _settle_server(self, is_down: bool, *, is_cut: bool) -> None:
        server = self.database.server
        if is_down and server.is_running:
            await self.database.wire.port.close()
            how = self.faults.setting("database_down", "how")
            await server.stop(signal.SIGQUIT if how == "crash" else signal.SIGINT)
        elif not is_down:
            await server.start()
        await _set_open(self.database.wire.port, not (is_down or is_cut))

    def _settle_delays(self) -> None:
        faults, weather = self.faults, self.website.weather
        self.database.wire.delay_s = faults.number("database_slow", "ms") / 1000
        self.pool.slow_s = faults.number("slow_queries", "ms") / 1000
        weather.latency_s = faults.number("web_latency", "ms") / 1000
        weather.error_share = faults.number("web_errors", "share")
        weather.error_status = int(faults.number("web_errors", "status")) or 500
        weather.redirect_loop = "web_redirect_loop" in faults.active
        weather.trickle_s = faults.number("web_trickle", "ms") / 1000 if "web_trickle" in faults.active else None
        weather.huge_bytes = int(faults.number("web_huge", "mb")) * 1024 * 1024 if "web_huge" in faults.active else None
        self.website.erp.health_route_flipped = "health_route" in faults.active

    async def _settle_logins(self, is_revoked: bool) -> None:
        if is_revoked and not self._is_revoked:
            await self.database.revoke_logins()
        elif self._is_revoked and not is_revoked:
            await self.database.restore_logins()
        self._is_revoked = is_revoked

    async def _settle_hog(self, scope: str) -> None:
        if scope == self._held:
            return
        self._held = scope
        if scope:
            await self.hog.hold(scope)
        else:
            await self.hog.let_go()


async def _set_open(port: object, wanted: bool) -> None:
    """Open or close a port that has `open` and `close`; both do nothing when it is so already."""
    assert hasattr(port, "open")
    assert hasattr(port, "close")
    assert hasattr(port, "is_open")
    if wanted:
        await port.open()
    elif port.is_open:
        await port.close()
