"""The fault switches: what each means, what it can be told, and which are on."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field

Value = float | int | str


@dataclass(frozen=True)
class Param:
    """One setting of a switch. Its default gives the type; `choices` are all that a text may be."""

    default: Value
    meaning: str
    choices: tuple[str, ...] = ()

    def read(self, name: str, given: object) -> Value:
        """Return a given value in the type of the default. Raises FaultError."""
        wanted = type(self.default)
        if isinstance(given, bool) or not isinstance(given, int | float | str):
            raise FaultError(400, f"{name}: {given!r} is no {wanted.__name__}", self.meaning)
        try:
            value = wanted(given)
        except ValueError:
            raise FaultError(400, f"{name}: {given!r} is no {wanted.__name__}", self.meaning) from None
        if self.choices and value not in self.choices:
            raise FaultError(400, f"{name}: {given!r} is unknown", f"one of {', '.join(self.choices)}")
        if not isinstance(value, str) and not value >= 0:
            raise FaultError(400, f"{name}: {given!r} is negative", self.meaning)
        return value


@dataclass(frozen=True)
class Switch:
    meaning: str
    params: Mapping[str, Param] = field(default_factory=dict)


class FaultError(Exception):
    """A switch cannot be set so; `status` is the HTTP status to answer with, `hint` what to do."""

    def __init__(self, status: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.hint = hint


COUNT = Param(0, "how many of the next requests it spoils; 0: all until switched off")
RETRY = Param(1, "seconds in the Retry-After header of a 429")
DELAY = Param(5.0, "seconds that `slow` waits")
HTTP_KINDS = ("500", "429", "503", "hang", "reset", "lost_answer", "refuse", "slow")


def _trouble(who: str, kinds: tuple[str, ...]) -> Switch:
    params = {"kind": Param(kinds[0], "what goes wrong", kinds), "count": COUNT, "delay_s": DELAY}
    if "429" in kinds:
        params["retry_after_s"] = RETRY
    return Switch(f"{who} goes wrong in the given kind; refuse: its port is closed.", params)


SWITCHES: Mapping[str, Switch] = {
    "database_down": Switch(
        "PostgreSQL is stopped and its port refuses; off starts it again.",
        {"how": Param("stop", "stop: a clean shutdown; crash: as killed, with recovery at start", ("stop", "crash"))},
    ),
    "database_slow": Switch("Every round trip to PostgreSQL takes longer.", {"ms": Param(500, "added milliseconds")}),
    "slow_queries": Switch(
        "The ERP's own queries take longer inside PostgreSQL, so pg_stat_statements and the server log show them.",
        {"ms": Param(1200, "added milliseconds")},
    ),
    "database_hang": Switch("PostgreSQL is frozen: connections stay open, new ones are taken, nothing answers."),
    "pool_exhausted": Switch(
        "Leaked connections fill max_connections, and the ERP's own pool has none free (P2024 after its timeout).",
        {"scope": Param("both", "what is used up", ("both", "server", "pool"))},
    ),
    "monitor_revoked": Switch("Every login role but the owner and the superuser loses LOGIN and its sessions."),
    "web_down": Switch("The website's port refuses connections."),
    "web_latency": Switch("Every answer of the website comes late.", {"ms": Param(3000, "milliseconds of waiting")}),
    "web_errors": Switch(
        "A share of the website's answers is an error page.",
        {"share": Param(1.0, "0 to 1"), "status": Param(500, "HTTP status of the error")},
    ),
    "web_redirect_loop": Switch("Every answer of the website redirects to itself."),
    "web_trickle": Switch("Answers drip: one byte at a time.", {"ms": Param(1000, "milliseconds between bytes")}),
    "web_huge": Switch("Every answer of the website is huge.", {"mb": Param(1024, "size in MiB")}),
    "health_route": Switch(
        "/api/health and /api/status are missing where the mode has them, present where it has not."
    ),
    "network_cut": Switch("Website, database and the elsewhere page all refuse; the receivers stay."),
    "elsewhere_down": Switch("Only the elsewhere page refuses."),
    "slack_trouble": _trouble("Slack", (*HTTP_KINDS, "archived", "channel_gone", "prohibited", "token_revoked")),
    "hook_trouble": _trouble("The webhook receiver", (*HTTP_KINDS, "400", "404", "410")),
    "deadman_trouble": _trouble("The dead-man receiver", HTTP_KINDS),
    "smtp_trouble": _trouble("The mail server", ("4xx", "5xx", "mailbox_full", "slow", "refuse")),
    "failed_logins": Switch(
        "Somebody fails to log in, again and again, by the website's own route.",
        {
            "kind": Param(
                "known",
                "known: a wrong password for an account; unknown: names nobody has (no row); disabled; "
                "wrong_school; otp; 2fa: no second factor (no row); unverified",
                ("known", "unknown", "disabled", "wrong_school", "otp", "2fa", "unverified"),
            ),
            "count": Param(40, "how many tries; 0: until switched off"),
        },
    ),
    "permission_denied": Switch(
        "A teacher's server actions are refused: READ/PERMISSION_DENIED rows, and allowed checks between them.",
        {"count": Param(40, "how many; 0: until switched off")},
    ),
    "file_access": Switch(
        "A teacher reaches for another school's files, and the ERP writes rows about it, which its live routes do not.",
        {
            "row": Param(
                "file_access", "fallback: the row of a failed audit insert (AUDIT_LOG)", ("file_access", "fallback")
            ),
            "count": Param(10, "how many; 0: until switched off"),
        },
    ),
    "large_export": Switch(
        "An admin exports a whole school's list.",
        {
            "records": Param(12000, "how many records the row names"),
            "resource": Param("ALUMNI", "what is exported", ("ALUMNI", "PROMOTION_HISTORY", "calendar_events")),
            "count": Param(1, "how many exports"),
        },
    ),
    "audit_fails": Switch("Every audit insert fails, and so does its fallback: only log lines remain of it."),
    "erp_clock": Switch(
        "The ERP's clock is wrong: what it writes into the audit log lies ahead of the true time.",
        {"ahead_s": Param(600, "seconds ahead")},
    ),
    "traffic_paused": Switch("The seeded users stay away."),
}


@dataclass
class Faults:
    """Which switches are on, with their settings."""

    active: dict[str, dict[str, Value]] = field(default_factory=dict)

    def read(self, name: str, body: object) -> dict[str, Value] | None:
        """Return the settings to switch on with, or None for off. Raises FaultError naming what is wrong."""
        switch = SWITCHES.get(name)
        if switch is None:
            raise FaultError(404, f"no switch {name}", f"nearest: {nearest(name)}")
        if not isinstance(body, dict) or not isinstance(body.get("on"), bool):
            raise FaultError(400, 'the body must be JSON with "on": true or false')
        given = {key: value for key, value in body.items() if key != "on"}
        unknown = [key for key in given if key not in switch.params]
        if unknown:
            known = ", ".join(switch.params) or "none"
            raise FaultError(400, f"{name} has no setting {unknown[0]}", f"its settings: {known}")
        if not body["on"]:
            return None
        return {key: param.read(key, given.get(key, param.default)) for key, param in switch.params.items()}

    def setting(self, name: str, key: str) -> Value | None:
        """Return a setting of a switch that is on, None when it is off."""
        return self.active[name][key] if name in self.active else None

    def number(self, name: str, key: str) -> float:
        """Return a numeric setting, 0 when the switch is off."""
        value = self.setting(name, key)
        return float(value) if value is not None else 0.0

    def show(self) -> list[dict[str, object]]:
        return [
            {
                "name": name,
                "on": name in self.active,
                "meaning": switch.meaning,
                "settings": self.active.get(name, {}),
                "params": {
                    key: {"default": param.default, "meaning": param.meaning, "choices": list(param.choices)}
                    for key, param in switch.params.items()
                },
            }
            for name, switch in SWITCHES.items()
        ]


def nearest(name: str) -> str:
    """Return the switch whose name is most like the given one."""
    found = difflib.get_close_matches(name, SWITCHES, n=1, cutoff=0.0)
    return found[0]
