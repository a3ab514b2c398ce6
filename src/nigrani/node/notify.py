"""Tell systemd that we are ready, alive or stopping, when it started us and wants to know."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Mapping

_EXTEND_EVERY_S, _EXTEND_BY_S = 30, 300


class Notify:
    """Sends to $NOTIFY_SOCKET; does nothing when there is none."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        # Half the time systemd allows, as sd_watchdog_enabled(3) advises.
        self.every_s = int(environ.get("WATCHDOG_USEC") or 0) / 2e6
        self._told_at = self._extended_at = float("-inf")

    def tell(self, words: str) -> None:
        """Send one state, such as "READY=1". A failure is not ours to act on: systemd will."""
        if self._address:
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
                line.setblocking(False)  # a full queue on the other side is not worth standing still for
                line.sendto(words.encode(), self._address)

    def starting(self, *, now_s: float) -> None:
        """Ask for more time to start, while it lasts."""
        if now_s - self._extended_at >= _EXTEND_EVERY_S:
            self._extended_at = now_s
            self.tell(f"EXTEND_TIMEOUT_USEC={_EXTEND_BY_S * 1_000_000}")

    def alive(self, *, now_s: float) -> None:
        """Say that we live, as often as asked."""
        if self.every_s and now_s - self._told_at >= self.every_s:
            self._told_at = now_s
            self.tell("WATCHDOG=1")
