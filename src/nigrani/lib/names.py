"""Look up a host's addresses within a deadline; the system's own look-up knows none."""

from __future__ import annotations

import socket
import threading


def resolve(host: str, *, timeout_s: float) -> list[str]:
    """Return the host's addresses, each once, in the system's order of preference; an address is itself.

    Raises TimeoutError when the resolver does not answer in time (its thread ends when the resolver gives up, and
    never keeps the process), and OSError when the name is unknown.
    """
    outcome: list[list[str] | OSError] = []

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            outcome.append(list(dict.fromkeys(str(each[4][0]) for each in found)))
        except (OSError, UnicodeError) as error:
            outcome.append(error if isinstance(error, OSError) else OSError(str(error)))

    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        return list(dict.fromkeys(str(each[4][0]) for each in found))
    except (OSError, UnicodeError):
        thread = threading.Thread(target=look_up, name=f"resolve {host}", daemon=True)
    thread.start()
    thread.join(max(0.0, timeout_s))
    if not outcome:
        raise TimeoutError(host)
    if isinstance(outcome[0], OSError):
        raise outcome[0]
    return outcome[0]
