"""The control API: see the yard, turn its switches, read its journals. JSON, loopback only, no login."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from schoolyard import plants
from schoolyard.faults import SWITCHES, FaultError
from schoolyard.http import Request, Response, answer_json
from schoolyard.levers import Levers
from schoolyard.receivers.deadman import Deadman
from schoolyard.receivers.journal import Journal

LOG_PAGE = 500


@dataclass
class Control:
    levers: Levers
    journals: dict[str, Journal]
    deadman: Deadman
    state: Callable[[], dict[str, object]]

    async def answer(self, request: Request) -> Response:
        """Answer one call; errors are {"error", "hint"} with 400, 404, 405 or 409."""
        try:
            return await self._route(request)
        except FaultError as error:
            body: dict[str, object] = {"error": str(error), "hint": error.hint}
            if error.status == 404:
                body["switches"] = list(SWITCHES)
            return answer_json(body, status=error.status)

    async def _route(self, request: Request) -> Response:
        first, _, rest = request.path.strip("/").partition("/")
        routes: dict[str, dict[str, Callable[[Request, str], Awaitable[Response]]]] = {
            "healthz": {"GET": self._healthz},
            "state": {"GET": self._state},
            "faults": {"GET": self._faults, "POST": self._turn},
            "reset": {"POST": self._reset},
            "plants": {"GET": self._plants, "POST": self._plant},
            "journal": {"GET": self._journal},
            "log": {"GET": self._log},
            "deadman": {"GET": self._show_deadman, "POST": self._set_deadman},
        }
        if first not in routes:
            return answer_json(
                {"error": f"no route {request.path}", "hint": f"routes: {', '.join(routes)}"}, status=404
            )
        if request.method not in routes[first]:
            return answer_json({"error": "method not allowed", "hint": ", ".join(routes[first])}, status=405)
        return await routes[first][request.method](request, rest)

    async def _healthz(self, request: Request, rest: str) -> Response:
        return answer_json({"ok": True})

    async def _state(self, request: Request, rest: str) -> Response:
        self.levers.forget_spent()
        return answer_json(self.state())

    async def _faults(self, request: Request, rest: str) -> Response:
        self.levers.forget_spent()
        shown = self.levers.faults.show()
        if not rest:
            return answer_json({"items": shown})
        found = [item for item in shown if item["name"] == rest]
        if not found:
            self.levers.faults.read(rest, None)
        return answer_json(found[0])

    async def _turn(self, request: Request, rest: str) -> Response:
        settings = self.levers.faults.read(rest, _body(request))
        await self.levers.turn(rest, settings)
        return await self._faults(request, rest)

    async def _plants(self, request: Request, rest: str) -> Response:
        present = self.levers.website.erp.plants
        items = [
            {"name": name, "on": name in present, "real": plant.is_real, "meaning": plant.meaning}
            for name, plant in plants.PLANTS.items()
            if rest in ("", name)
        ]
        if not items:
            plants.read([rest])
        return answer_json({"items": items})

    async def _plant(self, request: Request, rest: str) -> Response:
        """Plant or dig up one, `{"on": true}`, or set them all, `{"names": [...]}`."""
        body = _body(request)
        present = self.levers.website.erp.plants
        if rest and isinstance(body, dict) and isinstance(body.get("on"), bool):
            wanted = {*present, rest} if body["on"] else present - plants.read([rest])
            wanted = wanted - set(plants.PLANTS[rest].excludes) if rest in plants.PLANTS and body["on"] else wanted
        elif not rest and isinstance(body, dict) and isinstance(body.get("names"), list):
            wanted = {str(name) for name in body["names"]}
        else:
            raise FaultError(400, "the body must be JSON", '{"on": true} for one plant, {"names": [...]} for all')
        await self.levers.plant(wanted)
        return await self._plants(request, rest)

    async def _reset(self, request: Request, rest: str) -> Response:
        await self.levers.reset()
        return answer_json({"ok": True})

    async def _journal(self, request: Request, rest: str) -> Response:
        journal = self.journals.get(rest)
        if journal is None:
            hint = f"receivers: {', '.join(self.journals)}"
            return answer_json({"error": f"no receiver {rest}", "hint": hint}, status=404)
        after = request.query.get("after", "0")
        if not after.isdigit():
            raise FaultError(400, f"after: {after!r} is no number", "the n of the last item seen")
        return answer_json({"items": journal.items(after=int(after))})

    async def _log(self, request: Request, rest: str) -> Response:
        """Answer what the ERP said after entry `after`, at most LOG_PAGE entries; `next` is where to go on, or null."""
        after = request.query.get("after", "0")
        if not after.isdigit():
            raise FaultError(400, f"after: {after!r} is no number", "the n of the last entry seen")
        items = self.levers.website.erp.lines.entries(after=int(after), limit=LOG_PAGE)
        return answer_json({"items": items, "next": items[-1]["n"] if len(items) == LOG_PAGE else None})

    async def _show_deadman(self, request: Request, rest: str) -> Response:
        return answer_json(self.deadman.show())

    async def _set_deadman(self, request: Request, rest: str) -> Response:
        body = _body(request)
        wanted = ("period_s", "grace_s")
        if not isinstance(body, dict) or not all(isinstance(body.get(key), int | float) for key in wanted):
            raise FaultError(400, "period_s and grace_s must be numbers", "seconds, both above 0")
        if body["period_s"] <= 0 or body["grace_s"] <= 0:
            raise FaultError(400, "period_s and grace_s must be above 0")
        self.deadman.schedule(period_s=body["period_s"], grace_s=body["grace_s"])
        return answer_json(self.deadman.show())


def _body(request: Request) -> object:
    try:
        return request.json()
    except ValueError:
        raise FaultError(400, "the body is no JSON") from None
