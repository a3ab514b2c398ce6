"""A mail server (real SMTP) that keeps what it accepts, and can refuse, delay or be away."""

import asyncio
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, Envelope, Session

from schoolyard.http import HOST, reserve
from schoolyard.receivers.journal import Journal
from schoolyard.receivers.trouble import Trouble

KINDS = {
    "4xx": "451 4.3.0 Temporary failure, try again later",
    "5xx": "550 5.7.1 Message refused",
    "mailbox_full": "452 4.2.2 Mailbox full",
}


@dataclass
class Mail:
    """Kinds of trouble: those of KINDS, "slow" (waits delay_s before the last word); refusing is closing the port."""

    journal: Journal
    trouble: Trouble = field(default_factory=Trouble)

    def __post_init__(self) -> None:
        self._sock = reserve(0)
        self.port: int = self._sock.getsockname()[1]
        self._server: asyncio.Server | None = None

    @property
    def is_open(self) -> bool:
        return self._server is not None

    async def open(self) -> None:
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(lambda: self._protocol(loop), sock=self._sock)

    async def close(self, *, keep: bool = True) -> None:
        server, self._server = self._server, None
        if server is None:
            if not keep:
                self._sock.close()
            return
        server.close()
        if keep:
            self._sock = reserve(self.port)

    def _protocol(self, loop: asyncio.AbstractEventLoop) -> SMTP:
        return SMTP(self, hostname="mail.schoolyard.test", ident="schoolyard", enable_SMTPUTF8=True, loop=loop)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Give the last word on a message and journal it with that word."""
        kind = self.trouble.take()
        if kind == "slow":
            await asyncio.sleep(self.trouble.delay_s)
        word = KINDS.get(kind, "250 2.0.0 OK: queued")
        content = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        message = message_from_bytes(content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        text = message.get_body(preferencelist=("plain", "html"))
        self.journal.add(
            **{"from": envelope.mail_from, "to": list(envelope.rcpt_tos)},
            subject=str(message.get("subject", "")),
            message_id=str(message.get("message-id", "")),
            text=text.get_content() if text else "",
            headers={name: str(value) for name, value in message.items()},
            accepted=word.startswith("250"),
            answer=word,
        )
        return word


def address(port: int) -> str:
    return f"smtp://{HOST}:{port}"
