"""The kernel keeps the engine's process inside its own folders, whatever SQL it is given."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

from nigrani.lib.home import Home
from nigrani.telemetry import server

FENCED = """
import json, os, sys
from pathlib import Path
from nigrani.telemetry import fence

own, other, port = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
os.environ["TMPDIR"] = str(own)
told = {"fenced": fence.put_up([own])}
import chdb  # the engine, with none of our own checks before it

connection = chdb.connect(str(own / "data"))

def ask(name, sql):
    try:
        connection.query(sql, "TSV")
        told[name] = "done"
    except Exception as error:
        told[name] = str(error)

ask("own", "CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a")
ask("read", f"SELECT file('{other}/secret')")
ask("write", f"SELECT 1 INTO OUTFILE '{other}/out'")
ask("call", f"SELECT * FROM url('http://127.0.0.1:{port}/', 'CSV', 'a String') SETTINGS http_max_tries = 1")
print(json.dumps(told))
"""


def test_the_engine_reads_writes_and_calls_nothing_outside(tmp_path: Path) -> None:
    own, other = tmp_path / "own", tmp_path / "other"
    own.mkdir()
    other.mkdir()
    (other / "secret").write_text("secret")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        command = [sys.executable, "-c", FENCED, str(own), str(other), str(port)]
        answer = subprocess.run(command, capture_output=True, check=True, timeout=60)
    told = json.loads(answer.stdout)
    assert told["own"] == "done"
    if not told["fenced"]:
        return  # a kernel without Landlock; the server's log says so, and the next test reads it
    for denied in (told["read"], told["write"], told["call"]):
        assert "Permission denied" in denied
    assert not (other / "out").exists()


def test_the_server_says_whether_it_is_fenced(home: Home) -> None:
    engine = server.start(home)
    engine.terminate()
    engine.wait(10)
    said = [json.loads(line) for line in (home.log / "telemetry.log").read_text().splitlines()]
    probe = "from nigrani.telemetry import fence; print(fence.put_up([]))"
    can = subprocess.run([sys.executable, "-c", probe], capture_output=True, check=True).stdout.strip() == b"True"
    assert [line["is_fenced"] for line in said if line["action"] == "telemetry.started"] == [can]
