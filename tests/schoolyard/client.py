"""What the tests hold a booted yard by."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import psycopg
from psycopg.rows import DictRow, dict_row


@dataclass
class Yard:
    """A yard in a process of its own."""

    home: Path
    process: subprocess.Popen[bytes]
    document: Mapping[str, Any]
    http: httpx.Client = field(default_factory=lambda: httpx.Client(trust_env=False, timeout=15))
    browsers: list[httpx.Client] = field(default_factory=list)

    @property
    def url(self) -> str:
        return str(self.document["website"]["url"])

    @property
    def control(self) -> str:
        return str(self.document["control"]["url"])

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.http.get(self.url + path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.http.post(self.url + path, **options)

    def validate(self, code: str = "SVM001") -> httpx.Response:
        return self.post("/api/schools/validate", json={"schoolCode": code})

    def fault(self, name: str, **settings: Any) -> dict[str, Any]:
        answer = self.http.post(f"{self.control}/faults/{name}", json={"on": True, **settings})
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    def reset(self) -> None:
        assert self.http.post(f"{self.control}/reset").status_code == 200

    def journal(self, receiver: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.http.get(f"{self.control}/journal/{receiver}").json()["items"]
        return items

    def state(self) -> dict[str, Any]:
        shown: dict[str, Any] = self.http.get(f"{self.control}/state").json()
        return shown

    def rows(self, query: str, *parameters: Any, dsn: str = "direct_dsn") -> list[DictRow]:
        with psycopg.connect(self.document["database"][dsn], row_factory=dict_row, autocommit=True) as connection:
            return connection.execute(query, parameters).fetchall() if query else []

    def change(self, query: str, *parameters: Any) -> None:
        with psycopg.connect(self.document["database"]["direct_dsn"], autocommit=True) as connection:
            connection.execute(query, parameters)

    def log(self) -> str:
        return (self.home / "erp.log").read_text()

    def log_in(self, email: str, password: str, **fields: str) -> tuple[httpx.Response, httpx.Client]:
        """Log in with a fresh browser; return the answer to the form and the browser."""
        browser = httpx.Client(base_url=self.url, trust_env=False, timeout=15)
        self.browsers.append(browser)
        token = browser.get("/api/auth/csrf").json()["csrfToken"]
        form = urlencode({"csrfToken": token, "email": email, "password": password, **fields})
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return browser.post("/api/auth/callback/credentials", content=form, headers=headers), browser

    def log_in_as(self, role: str) -> httpx.Client:
        account = self.document["accounts"][role]
        code = {"schoolCode": account["school_code"]} if account["school_code"] else {}
        answer, browser = self.log_in(account["email"], account["password"], **code)
        assert "error" not in answer.headers["location"], answer.headers["location"]
        return browser

    def close_browsers(self) -> None:
        while self.browsers:
            self.browsers.pop().close()

    def end(self) -> int:
        """Ask the yard to stop; return its exit code."""
        self.http.close()
        self.process.terminate()
        return self.process.wait(20)


def boot(*options: str) -> Yard:
    """Boot a small yard in a folder that `nobody` can pass; raise AssertionError with its words if it fails."""
    home = Path(tempfile.mkdtemp(prefix="yard-"))
    home.chmod(0o711)
    command = [sys.executable, "-m", "schoolyard", "up", "--home", str(home), "--scale", "small", *options]
    errors = (home / "stderr").open("wb")
    with errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=os.environ.copy())
    assert process.stdout is not None
    with process.stdout:
        line = process.stdout.readline()
    assert line, (home / "stderr").read_text()
    return Yard(home, process, json.loads(line))


def remove(yard: Yard) -> None:
    shutil.rmtree(yard.home, ignore_errors=True)
