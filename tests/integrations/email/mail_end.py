"""A real SMTP server (aiosmtpd) that says what a test asks, and one that breaks off where it is told."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

CERTIFICATE = Path(__file__).with_name("localhost.pem")
PASSWORD = "canary-pa55"


class MailEnd:
    """What arrives, and what is answered to each command (empty: as usual)."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.port = 0
        self.answers: dict[str, str] = {}

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return self.answers.get("MAIL", "250 OK")

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.answers.get(address, "250 OK")
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        answer = self.answers.get("DATA", "250 2.0.0 Taken as 4ABC")
        if answer.startswith("2"):
            content = cast(bytes, envelope.content)
            self.raw.append(content)
            self.mails.append(message_from_bytes(content, policy=policy.default))
        return answer


def _right(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"nigrani", PASSWORD.encode())
    return AuthResult(success=right, handled=False)


@contextmanager
def serving(*, security: str = "none", login: bool = False) -> Iterator[MailEnd]:
    """Serve on a free port of loopback, with the protection asked for."""
    end, tls = MailEnd(), None
    if security != "none":
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(CERTIFICATE)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        end.port = free.getsockname()[1]
    controller = Controller(
        end,
        hostname="127.0.0.1",
        port=end.port,
        ssl_context=tls if security == "tls" else None,
        tls_context=tls if security == "starttls" else None,
        require_starttls=security == "starttls",
        authenticator=_right if login else None,
        auth_required=login and security == "starttls",
        auth_require_tls=security == "starttls",
        decode_data=False,
    )
    controller.start()
    try:
        yield end
    finally:
        controller.stop()


@contextmanager
def scripted(lines: list[bytes | None]) -> Iterator[int]:
    """Serve one conversation: say each line when something was read; None hangs until the test is over."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as door:

        def talk() -> None:
            connection, _ = door.accept()
            with connection:
                for line in lines:
                    if line is None:
                        over.wait(20)
                        return
                    connection.sendall(line)
                    connection.recv(65536)

        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        try:
            yield door.getsockname()[1]
        finally:
            over.set()
            thread.join(5)
