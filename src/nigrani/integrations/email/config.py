"""What an operator says about a mailbox and the server that takes mail for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from nigrani.lib.secret import Secret

_ADDRESS = re.compile(r"[^@\s<>,;:\"()\[\]\\]+@[^@\s<>,;:\"()\[\]\\]+\Z")


@dataclass(frozen=True, kw_only=True)
class ReceiverConfig:
    """One or more mailboxes, told together through one SMTP server."""

    host: str = field(metadata={"help": "The SMTP server that takes our mail.", "example": "smtp.example.com"})
    to: tuple[str, ...] = field(
        metadata={"help": "Who gets the mail: one address or a list.", "example": "on-call@example.com"}
    )
    sender: str = field(metadata={"help": "The address we write from.", "example": "nigrani@example.com"})
    port: int = field(default=587, metadata={"help": "Its port: 587 (STARTTLS) or 465 (TLS).", "example": 587})
    security: Literal["starttls", "tls", "none"] = field(
        default="starttls",
        metadata={"help": "How the connection is protected. A password is never sent with none.", "example": "tls"},
    )
    username: str = field(default="", metadata={"help": "Who we log in as, if we must.", "example": "nigrani"})
    password: Secret | None = field(
        default=None, metadata={"help": "The password for it.", "example": "${SMTP_PASSWORD}"}
    )
    ca_file: str = field(
        default="",
        metadata={"help": "A PEM file of a private authority that signed its certificate.", "example": "/etc/ca.pem"},
    )

    def check(self) -> Iterator[str]:
        """Yield what contradicts itself."""
        if not self.to:
            yield "to names nobody"
        for address in (*self.to, self.sender):
            if not _ADDRESS.match(address):
                yield f"{address!r} is no mail address; write only name@example.com"
        if bool(self.username) != (self.password is not None):
            yield "username and password go together"
        if self.password is not None and self.security == "none":
            yield "a password is not sent over an unprotected connection: use starttls or tls"
        if not 0 < self.port < 65536:
            yield f"{self.port} is no port"
