"""Units for systemd: one for everything on a machine, two for a console and workers apart."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from nigrani.lib.home import Home

_NOFILE = 65536


def units(home: Home, executable: Path, user: str) -> Mapping[str, str]:
    """Return unit files by name.

    nigrani.service runs everything (`nigrani up`). nigrani-web.service and nigrani-worker@.service run the console
    and the loops apart, on stores elsewhere: `systemctl start nigrani-worker@mumbai`. The user must exist and own the
    home. Settings and secrets may stand in `<home>/environment`, which only root and the user should read.
    """
    return {
        "nigrani.service": _unit(
            home,
            user,
            title="Nigrani: database, telemetry and app",
            start=f"{_command(executable)} up",
            service=(
                "Type=notify",
                "NotifyAccess=main",
                "# The supervisor stops its processes itself, in order; what is left after that is killed.",
                "KillMode=mixed",
                "# A long start (recovery, a migration) asks for more time while it lasts.",
                "TimeoutStartSec=5min",
                "TimeoutStopSec=40s",
                "WatchdogSec=60s",
                "MemoryHigh=1500M",
                "MemoryMax=2G",
            ),
        ),
        "nigrani-web.service": _unit(
            home,
            user,
            title="Nigrani: console",
            start=f"{_command(executable)} web",
            service=("Type=exec", "TimeoutStopSec=20s", "MemoryMax=512M"),
        ),
        "nigrani-worker@.service": _unit(
            home,
            user,
            title="Nigrani: worker in %i",
            start=f"{_command(executable)} worker --location %i",
            service=("Type=exec", "TimeoutStopSec=20s", "MemoryMax=512M"),
        ),
    }


def _unit(home: Home, user: str, *, title: str, start: str, service: tuple[str, ...]) -> str:
    lines = (
        "[Unit]",
        f"Description={title}",
        "Wants=network-online.target",
        "After=network-online.target",
        "# Never give up: a monitor that stays down is noticed too late.",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        *service,
        f"User={user}",
        f"ExecStart={start}",
        f"Environment={_word(f'NIGRANI_HOME={home.path}')}",
        f"EnvironmentFile=-{_escaped(home.path / 'environment')}",
        "Restart=always",
        "RestartSec=2s",
        f"LimitNOFILE={_NOFILE}",
        "LimitCORE=0",
        "UMask=0077",
        "",
        *_walls(home, user),
        "",
        "[Install]",
        "WantedBy=multi-user.target",
        "",
    )
    return "\n".join(lines)


def _walls(home: Home, user: str) -> tuple[str, ...]:
    """What the processes may not do. As root, PostgreSQL's user is changed to, so that needs a few capabilities."""
    is_root = user in ("root", "0")
    allowed = "CAP_SETUID CAP_SETGID CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_KILL" if is_root else ""
    home_is_below_home = any(home.path.is_relative_to(place) for place in ("/home", "/root", "/run/user"))
    # The socket of a home with a long path is in /tmp: a private one would hide it from `nigrani` on the command line.
    is_in_tmp = any(home.path.is_relative_to(place) for place in ("/tmp", "/var/tmp"))  # noqa: S108 - compared
    is_tmp_ours = home.socket.is_relative_to(home.path) and not is_in_tmp
    return (
        "NoNewPrivileges=yes",
        f"CapabilityBoundingSet={allowed}",
        "AmbientCapabilities=",
        "ProtectSystem=strict",
        f"ReadWritePaths={_word(home.path)}{'' if is_tmp_ours else ' /tmp'}",
        *(() if home_is_below_home else ("ProtectHome=read-only",)),
        *(("PrivateTmp=yes",) if is_tmp_ours else ()),
        "PrivateDevices=yes",
        "ProtectKernelTunables=yes",
        "ProtectKernelModules=yes",
        "ProtectKernelLogs=yes",
        "ProtectControlGroups=yes",
        "ProtectClock=yes",
        "ProtectHostname=yes",
        "RestrictSUIDSGID=yes",
        "RestrictRealtime=yes",
        "RestrictNamespaces=yes",
        "LockPersonality=yes",
        "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
        "SystemCallArchitectures=native",
        "# Not MemoryDenyWriteExecute: the telemetry engine compiles queries while it runs.",
    )


def _escaped(value: object) -> str:
    """Write text for systemd, in which percent signs begin specifiers."""
    return str(value).replace("\\", "\\\\").replace("%", "%%")


def _word(value: object) -> str:
    """Write text as one word where systemd splits at spaces."""
    text = _escaped(value).replace('"', '\\"')
    return f'"{text}"' if " " in text or '"' in text else text


def _command(executable: Path) -> str:
    return _word(executable).replace("$", "$$")
