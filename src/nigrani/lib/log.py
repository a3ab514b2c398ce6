"""Our own log: JSON lines on standard error, each with an `action` that stays when the sentence changes."""

from __future__ import annotations

import json  # not msgspec: the supervisor logs too, and half its memory would be for that
import logging
import re
import traceback
from datetime import UTC, datetime

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

_INVITATION = re.compile(r"(/welcome/)[\w-]+")  # Django logs the address of a form that it refused


class JsonLines(logging.Formatter):
    """One JSON object a line: at, level, room, action, message, further `extra` fields, and the error's trace.

    A traceback shows files, lines and the error's type; its message only if the error is one of ours, since a
    driver's message may quote a connection string. The token of an invitation's address is left out.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "room": record.name,
            "message": record.getMessage(),
        }
        line |= {key: value for key, value in vars(record).items() if key not in _PLAIN}
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = type(record.exc_info[1]).__qualname__
            line["trace"] = [
                f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(record.exc_info[2])
            ][-12:]
        return _INVITATION.sub(r"\1…", json.dumps(line, default=str, ensure_ascii=False))


def set_up(level: str = "INFO") -> None:
    """Send every logger of this process to standard error as JSON lines."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for quiet in ("httpx", "httpcore", "apprise", "asyncio", "_granian", "granian.access"):
        logging.getLogger(quiet).setLevel(logging.WARNING)
