"""A notice as a mail: plain text, the same as modest HTML, and headers nobody's text can break out of."""

from __future__ import annotations

import hashlib
import html
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from nigrani.integrations import REPEAT_NOTE, Notice
from nigrani.lib import clock

from .config import ReceiverConfig

SUBJECT_MAX = 200
_POLICY = SMTP.clone(cte_type="7bit")  # any server takes it; none is asked for 8BITMIME


def message(config: ReceiverConfig, notice: Notice, *, key: str) -> EmailMessage:
    """Lay the notice out as a mail. Every try of one message has the same Message-ID, so mailboxes can drop copies."""
    mail = EmailMessage(policy=_POLICY)
    subject = _flat(notice.headline)
    mail["Subject"] = subject if len(subject) <= SUBJECT_MAX else f"{subject[: SUBJECT_MAX - 1]}…"
    mail["From"] = config.sender
    mail["To"] = ", ".join(config.to)
    mail["Date"] = format_datetime(notice.at or clock.now())
    domain = config.sender.rpartition("@")[2]
    mail["Message-ID"] = f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}.nigrani@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    if notice.kind == "firing" and notice.urgency == "critical":
        mail["Importance"] = "high"
    mail.set_content(plain(notice))
    mail.add_alternative(as_html(notice), subtype="html")
    return mail


def plain(notice: Notice) -> str:
    """Return the notice as plain text."""
    facts = [f"{_flat(label)}: {_flat(value)}" for label, value in _facts(notice)]
    blocks = ["\n".join(notice.lines), "\n".join(facts), notice.link, REPEAT_NOTE if notice.repeat else ""]
    return "\n\n".join(block for block in blocks if block) + "\n"


def as_html(notice: Notice) -> str:
    """Return the notice as HTML without styles, pictures or anything fetched."""
    parts = [f"<h2>{html.escape(notice.headline)}</h2>"]
    parts += [f"<p>{html.escape(line)}</p>" for line in notice.lines]
    if facts := _facts(notice):
        rows = (
            f'<tr><th align="left">{html.escape(label)}</th><td>{html.escape(value)}</td></tr>'
            for label, value in facts
        )
        parts.append(f"<table>{''.join(rows)}</table>")
    if notice.link.startswith(("https://", "http://")):
        parts.append(f'<p><a href="{html.escape(notice.link)}">Open in Nigrani</a></p>')
    if notice.repeat:
        parts.append(f"<p><em>{html.escape(REPEAT_NOTE)}</em></p>")
    return "<html><body>" + "\n".join(parts) + "</body></html>\n"


def _facts(notice: Notice) -> tuple[tuple[str, str], ...]:
    return (("Urgency", notice.urgency), *notice.facts) if notice.urgency else notice.facts


def _flat(text: str) -> str:
    return " ".join(text.split())
