"""Send a notice as a mail through an SMTP server, phase by phase, so that it is known how far it got."""

from __future__ import annotations

import base64
import smtplib
import socket
import ssl
import threading
from contextlib import suppress
from datetime import timedelta

from nigrani.integrations import Notice, Receipt
from nigrani.lib import clock
from nigrani.lib.errors import Refused, SourceError, Unreachable, Unreadable

from .config import ReceiverConfig
from .message import message

_SAID_MAX = 200


def send(config: ReceiverConfig, notice: Notice, *, key: str, timeout: timedelta) -> Receipt:
    """Deliver one notice. See SendFace; taken means that the server took it for at least one mailbox."""
    mail = message(config, notice, key=key)
    outcome = _outcome(_Talk(config, timeout), bytes(mail))
    if isinstance(outcome, SourceError):
        raise outcome
    return Receipt(id=str(mail["Message-ID"]), answer=outcome)


class _Said(Exception):
    """The server said something else than we wanted."""

    def __init__(self, code: int, words: bytes) -> None:
        super().__init__(code)
        self.code, self.words = code, words


class _PutOff(Exception):
    """The mail was taken for some mailboxes, and for others not yet; the text says which."""


def _outcome(talk: _Talk, mail: bytes) -> str | SourceError:
    """Hold the whole talk. The failure is returned, not raised, so that it carries no context with a password."""
    watch = threading.Timer(talk.timeout_s, talk.cut_off)
    watch.daemon = True
    watch.start()
    try:
        return talk.deliver(mail)
    except _Said as said:
        return talk.failure(said.code, said.words)
    except _PutOff as put_off:
        return Unreachable(f"{talk.host} put off some mailboxes: {put_off}.", uncertain=True)
    except smtplib.SMTPResponseException as error:
        return talk.failure(error.smtp_code, b"")
    except smtplib.SMTPNotSupportedError:
        return Refused(f"{talk.host} takes no log-in that we know.", "Drop username and password, or ask its owner.")
    except UnicodeError:
        return Refused("The username, the password or an address holds signs that SMTP does not carry.")
    except ssl.SSLCertVerificationError as error:
        return Unreachable(f"The certificate of {talk.host} is not valid: {error.verify_message}.")
    except (smtplib.SMTPException, OSError):
        late = "did not answer in time" if talk.is_late else "broke off or takes no connection"
        return Unreachable(f"{talk.host} {late} ({talk.phase}).", uncertain=talk.body_left)
    finally:
        watch.cancel()
        talk.close()


class _Talk:
    """One conversation with the server.

    phase: what we were at, for the sentence. body_left: whether the mail itself had begun to leave us: from then on
    silence proves nothing.
    """

    def __init__(self, config: ReceiverConfig, timeout: timedelta) -> None:
        self.config, self.host, self.timeout_s = config, config.host, timeout.total_seconds()
        self.phase, self.body_left = "connecting", False
        self._until = clock.monotonic() + self.timeout_s
        self._smtp = smtplib.SMTP(local_hostname=_own_name(), timeout=self.timeout_s)
        self._sock: socket.socket | None = None

    @property
    def is_late(self) -> bool:
        """Whether the time is over."""
        return clock.monotonic() >= self._until

    def cut_off(self) -> None:
        """End the connection at once, from any thread: a server that drips is not waited for."""
        sock = self._sock
        if sock is not None:
            with suppress(OSError):  # not connected any more
                sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the connection up. No QUIT: the mail is taken by now, or not, and its answer would change nothing."""
        self.cut_off()
        self._smtp.close()
        if self._sock is not None:
            self._sock.close()

    def deliver(self, mail: bytes) -> str:
        """Hand the mail over and return what the server said, and which mailboxes it did not take."""
        self._connect()
        if self.config.password is not None:
            self._at("logging in")
            self._smtp.login(self.config.username, self.config.password.reveal(), initial_response_ok=True)
        self._want(2, "naming the sender", f"MAIL FROM:<{self.config.sender}>")
        refused = self._name_recipients()
        self._want(3, "announcing the mail", "DATA")
        self._at("handing over the mail")
        self.body_left = True
        lines = mail.replace(b"\r\n.", b"\r\n..")
        self._smtp.send((b"." + lines if lines.startswith(b".") else lines) + b"\r\n.\r\n")
        code, words = self._smtp.getreply()
        if code // 100 != 2:
            self.body_left = False  # an answer: it did not take it
            raise _Said(code, words)
        return self._taken(code, words, refused)

    def failure(self, code: int, words: bytes) -> SourceError:
        """Return what a reply code means (RFC 5321, 4.2.1)."""
        told = f"{self.host} said {code} ({self.phase}){self._quoted(words)}"
        match code // 100:
            case 4:
                return Unreachable(f"{told}.")
            case 5 if self.phase == "logging in":
                return Refused(f"{told}.", "Check username and password.")
            case 5:
                return Refused(f"{told}.")
            case _:
                return Unreadable(f"{self.host} does not talk SMTP as we know it ({self.phase}).")

    def _connect(self) -> None:
        address = (self.host, self.config.port)
        self._sock = socket.create_connection(address, self._left())
        if self.config.security == "tls":
            self._protect()
        self._smtp.sock = self._sock
        self._at("greeting")
        self._expect(2, *self._smtp.getreply())
        self._expect(2, *self._smtp.ehlo())
        if self.config.security == "starttls":
            if not self._smtp.has_extn("starttls"):
                raise _Said(502, b"it offers no STARTTLS")
            self._want(2, "starting TLS", "STARTTLS")
            self._protect()
            # What was said before TLS counts no more: anybody could have said it.
            self._smtp.sock, self._smtp.file = self._sock, None
            self._expect(2, *self._smtp.ehlo())

    def _protect(self) -> None:
        assert self._sock is not None
        trust = ssl.create_default_context(cafile=self.config.ca_file or None)
        self._sock.settimeout(self._left())
        self._sock = trust.wrap_socket(self._sock, server_hostname=self.host)

    def _name_recipients(self) -> dict[str, tuple[int, bytes]]:
        """Name every mailbox and return those that were not taken; raises if none was."""
        refused: dict[str, tuple[int, bytes]] = {}
        for address in self.config.to:
            self._at("naming the recipients")
            code, words = self._smtp.docmd(f"RCPT TO:<{address}>")
            if code // 100 != 2:
                refused[address] = (code, words)
        if len(refused) == len(self.config.to):
            # One that may be taken later makes the whole worth another try.
            raise _Said(*min(refused.values(), key=lambda said: said[0]))
        return refused

    def _taken(self, code: int, words: bytes, refused: dict[str, tuple[int, bytes]]) -> str:
        told = "; ".join(f"{address}: {said}{self._quoted(why)}" for address, (said, why) in refused.items())
        if any(said // 100 == 4 for said, _ in refused.values()):
            # Others have it; they get it again under the same Message-ID rather than one person never.
            raise _PutOff(told)
        return f"{code}{self._quoted(words)}" + (f"; not taken for {told}" if told else "")

    def _want(self, kind: int, phase: str, command: str) -> None:
        self._at(phase)
        self._expect(kind, *self._smtp.docmd(command))

    @staticmethod
    def _expect(kind: int, code: int, words: bytes) -> None:
        if code // 100 != kind:
            raise _Said(code, words)

    def _at(self, phase: str) -> None:
        self.phase = phase
        assert self._smtp.sock is not None
        self._smtp.sock.settimeout(self._left())

    def _left(self) -> float:
        left = self._until - clock.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def _quoted(self, words: bytes) -> str:
        """Return the server's words as ": …", on one short line, without our password should it echo it."""
        text = words.decode(errors="replace")
        if self.config.password is not None:
            plain, user = self.config.password.reveal(), self.config.username
            for form in (f"\0{user}\0{plain}", plain):
                text = text.replace(base64.b64encode(form.encode()).decode(), "…").replace(form, "…")
        text = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:_SAID_MAX]
        return f": {text}" if text else ""


def _own_name() -> str:
    name = socket.gethostname()
    return name if "." in name and name.isascii() else "[127.0.0.1]"
