"""Our log lines: JSON, an action, and no driver's message that may quote a connection string."""

from __future__ import annotations

import json
import logging
import sys

from nigrani.lib.log import JsonLines


def _line(record: logging.LogRecord) -> dict[str, object]:
    line: dict[str, object] = json.loads(JsonLines().format(record))
    return line


def test_a_line_carries_its_action_and_fields() -> None:
    record = logging.makeLogRecord({"name": "nigrani.node", "levelname": "INFO", "msg": "Started %s.", "args": ("x",)})
    record.action = "app.started"
    line = _line(record)
    assert line["message"] == "Started x."
    assert line["action"] == "app.started"
    assert str(line["at"]).endswith("+00:00")


def test_an_errors_message_stays_out_and_its_place_stays_in() -> None:
    try:
        raise ValueError("postgresql://u:canary-4411@h/db refused")
    except ValueError:
        record = logging.makeLogRecord({"msg": "It failed.", "exc_info": sys.exc_info()})
    line = _line(record)
    assert "canary" not in json.dumps(line)
    assert line["error"] == "ValueError"
    assert "test_log.py" in str(line["trace"])


def test_an_invitations_token_stays_out() -> None:
    class Request:
        def __str__(self) -> str:
            return "<ASGIRequest: POST '/welcome/canary-AB_12'>"

    record = logging.makeLogRecord({"msg": "Unprocessable Entity: %s", "args": ("/welcome/canary-AB_12",)})
    record.request = Request()
    line = _line(record)
    assert "canary" not in json.dumps(line)
    assert line["message"] == "Unprocessable Entity: /welcome/…"
