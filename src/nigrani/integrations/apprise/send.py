"""Send a notice through the Apprise library. It says only whether it thinks that the message went out."""

from __future__ import annotations

import logging
from datetime import timedelta
from importlib import import_module
from typing import Any

from nigrani.integrations import REPEAT_NOTE, Notice, Receipt
from nigrani.lib.errors import Refused, Unreachable

from .config import ReceiverConfig

_TYPES = {"firing": "failure", "resolved": "success", "test": "info", "note": "info"}
_HINT = "Apprise tells no reason: try the address with its own command, apprise."


def send(config: ReceiverConfig, notice: Notice, *, key: str, timeout: timedelta) -> Receipt:
    """Deliver one notice. See SendFace; every failure but a bad address is uncertain, for Apprise tells no more."""
    service = _service(config.url.reveal(), timeout)
    if service is None:
        raise Refused("The address is none that Apprise knows.", "Its list of services shows how to write it.")
    result = service.notify(
        title=" ".join(notice.headline.split()),
        body=body(notice),
        body_format="text",
        notify_type=_TYPES[notice.kind],
        timeout=timeout.total_seconds(),
    )
    if not result:
        word = str(getattr(result.status, "name", "failure")).lower()
        raise Unreachable(f"Apprise says that the message did not go out ({word}).", _HINT, uncertain=True)
    return Receipt(answer="true")


def body(notice: Notice) -> str:
    """Return the notice as plain text."""
    facts = [f"{label}: {' '.join(value.split())}" for label, value in notice.facts]
    urgency = [f"Urgency: {notice.urgency}"] if notice.urgency else []
    ends = [notice.link, REPEAT_NOTE if notice.repeat else ""]
    blocks = ["\n".join(notice.lines), "\n".join([*urgency, *facts]), *ends]
    return "\n\n".join(block for block in blocks if block) or notice.title


def _service(url: str, timeout: timedelta) -> Any:
    """Return an Apprise object for the address, or None if it is none."""
    apprise = import_module("apprise")  # here and not above: it loads more than everything else together
    # Their log lines quote the address or its path, and the address is the secret.
    for telltale in ("apprise", "urllib3.connectionpool"):
        logging.getLogger(telltale).setLevel(logging.CRITICAL + 1)
    asset = apprise.AppriseAsset(
        app_id="Nigrani", app_url="", secure_logging=True, allow_templates=False, storage_mode="memory"
    )
    service = apprise.Apprise(asset=asset)
    if not service.add(url):
        return None
    for plugin in service:
        plugin.socket_connect_timeout = plugin.socket_read_timeout = timeout.total_seconds()
    return service
