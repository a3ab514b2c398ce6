"""The parts of the supervisor that can be looked at alone."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.eventually import eventually

from nigrani.lib import clock
from nigrani.lib.errors import Conflict, NigraniError
from nigrani.lib.home import Home
from nigrani.node import children, doctor, leftovers, logfile, parent, pids, pulse, standing
from nigrani.node.doctor import working


@contextmanager
def _answering(*parts: bytes) -> Iterator[tuple[str, int]]:
    """Yield the address of a server that sends these parts to each caller and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    caller, _ = server.accept()
                except OSError:
                    return
                with caller:
                    caller.recv(4096)
                    for part in parts:
                        caller.sendall(part)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()
        server.shutdown(socket.SHUT_RDWR)


def _word(target: pulse.Target) -> str | None:
    asked = pulse.Pulse(patience_s=1)
    return asked.ask(target, now_s=0) or eventually(lambda: asked.hear(now_s=0))


@pytest.mark.parametrize(
    ("parts", "word"),
    [
        ([b"HTTP/1.1 200 OK\r\n\r\n"], "ready"),
        ([b"HTTP/1.0 2", b"00 OK\r\nContent-Length: 2\r\n\r\n", b"ok"], "ready"),
        ([b"HTTP/1.1 503 Service Unavailable\r\n\r\n"], "alive"),
        ([b"SSH-2.0-nothing like it\r\n"], "silent"),
        ([], "silent"),
    ],
)
def test_a_pulse_tells_ready_from_alive_from_silent(parts: list[bytes], word: str) -> None:
    with _answering(*parts) as (host, port):
        assert _word(pulse.http(host, port, "/healthz")) == word


def test_a_pulse_to_nobody_is_silent_at_once(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert pulse.Pulse().ask(pulse.http("127.0.0.1", port, "/"), now_s=0) == "silent"
    assert pulse.Pulse().ask(pulse.postgres(home.run, role="nigrani"), now_s=0) == "silent"


def test_a_pulse_gives_up_when_its_patience_ends() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        asked = pulse.Pulse(patience_s=5)
        assert asked.ask(pulse.http("127.0.0.1", server.getsockname()[1], "/"), now_s=0) is None
        assert asked.hear(now_s=4.9) is None
        assert asked.hear(now_s=5.1) == "silent"


@pytest.mark.parametrize(
    ("said", "word"),
    [
        (b"R\0\0\0\x17\0\0\0\nSCRAM-SHA-256\0\0", "ready"),
        (b"E\0\0\0\x1fSFATAL\0C57P03\0Mstarting up\0\0", "alive"),
        (b"E\0\0\0\x1fSFATAL\0C53300\0Mtoo many clients\0\0", "ready"),
    ],
)
def test_a_server_that_refuses_for_another_reason_than_starting_works(said: bytes, word: str) -> None:
    with _answering(said) as address:
        target = pulse.postgres(Path("/"), role="nigrani")
        assert _word(pulse.Target(address, target.question, target.read)) == word


@pytest.mark.parametrize(
    ("text", "port"), [("8200\n", 8200), ("127.0.0.1:8200", 8200), ("", None), ("0", None), ("soon", None)]
)
def test_a_port_is_read_as_written(tmp_path: Path, text: str, port: int | None) -> None:
    (tmp_path / "port").write_text(text)
    assert pulse.port_from(tmp_path / "port") == port


def test_a_log_is_turned_without_its_writer_noticing(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    writer = logfile.open_for_append(path)
    for number in range(4):
        os.write(writer, f"{number}".encode() * 100)
        assert logfile.turn(path, max_bytes=50, keep=3)
    os.write(writer, b"last")
    os.close(writer)
    assert not logfile.turn(path, max_bytes=50, keep=3)
    kept = {each.name: each.read_bytes() for each in tmp_path.iterdir()}
    assert kept == {"app.log": b"last", "app.log.1": b"3" * 100, "app.log.2": b"2" * 100}
    assert all(each.stat().st_mode & 0o777 == 0o600 for each in tmp_path.iterdir())


def test_what_was_said_starts_where_we_began_to_listen(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_text("old\n")
    start = logfile.size(path)
    with path.open("a") as log:
        log.write("new\nlines\n")
    assert logfile.said_since(path, start) == "new\nlines"
    path.write_text("cut\n")
    assert logfile.said_since(path, 1000) == "cut"
    path.write_text("a" * 3000 + "\nend\n")
    assert logfile.said_since(path, 0, limit=10) == "end"
    assert logfile.said_since(tmp_path / "none", 0) == ""


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ('{"message": "a"}\nThe guide has 1 mistake.\nx.yaml:1:1: no', "The guide has 1 mistake.\nx.yaml:1:1: no"),
        ('{"message": "a"}\n{"message": "The port is taken."}', "The port is taken."),
        ('{"torn', '{"torn'),
        ("", ""),
    ],
)
def test_a_person_is_told_the_words_and_not_the_json(said: str, words: str) -> None:
    assert logfile.words(said) == words


def test_a_pid_is_who_it_was_only_with_its_mark() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    known = pids.mark(process.pid)
    assert pids.is_running(process.pid, known)
    assert not pids.is_running(process.pid, known + "0")
    process.kill()
    eventually(lambda: not pids.is_running(process.pid, known))  # already as a zombie
    process.communicate()
    assert not pids.is_running(process.pid, known)
    assert not pids.is_running(process.pid, "")


def test_a_home_is_held_once_and_free_afterwards(home: Home) -> None:
    assert not standing.is_held(home)
    with standing.held(home):
        assert standing.is_held(home)
        with pytest.raises(Conflict, match=rf"Another Nigrani \(pid {os.getpid()}, since 20.+\) runs on") as told:
            standing.held(home).__enter__()
        assert told.value.hint == "Stop it first, or choose another NIGRANI_HOME."
    assert not standing.is_held(home)
    with standing.held(home):
        pass


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"supervisor": {}, "children": {}}', '{"supervisor": 1'])
def test_an_unreadable_record_of_what_runs_is_none(home: Home, text: str) -> None:
    (home.run / "node.json").write_text(text)
    assert standing.read(home) is None
    leftovers.clear(home)


def test_a_pid_that_another_program_took_is_left_alone(home: Home) -> None:
    (home.postgres / "data").mkdir(parents=True)
    (home.postgres / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n{home.postgres / 'data'}\n")
    leftovers.clear(home, patience_s=0)


def test_the_process_in_between_passes_on_signals_and_the_exit_code() -> None:
    script = "import signal; signal.signal(signal.SIGTERM, lambda *_: exit(7)); print(1, flush=True); signal.pause()"
    argv = parent.tethered([sys.executable, "-c", script], signal.SIGTERM)
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as between:
        assert between.stdout is not None
        between.stdout.readline()
        between.terminate()
        assert between.wait(5) == 7


def test_a_full_disk_is_told_in_plain_words(home: Home) -> None:
    (home.run / ".room").symlink_to("/dev/full")
    told = subprocess.run(
        [sys.executable, "-m", "nigrani.node.supervisor"],
        env=os.environ | {"NIGRANI_HOME": str(home.path)}, capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert (told.returncode, told.stderr) == (
        3,
        f"The disk of {home.path} is full. Free some space, then start again.\n",
    )


def test_a_port_that_is_taken_is_told_before_a_stranger_answers_in_our_place() -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as taken:
        port = taken.getsockname()[1]
        for listen in (f"127.0.0.1:{port}", f"0.0.0.0:{port}"):
            with pytest.raises(NigraniError, match=f"can't listen on {listen}: something else listens there"):
                children.check_free({"NIGRANI_LISTEN": listen})
    children.check_free({"NIGRANI_LISTEN": f"127.0.0.1:{port}"})


@pytest.mark.parametrize(
    ("listen", "why"),
    [("8200 please", "is no address"), ("127.0.0.1:99999", "is no address"), ("192.0.2.1:8200", "can't listen on")],
)
def test_an_address_that_can_not_be_is_told(listen: str, why: str) -> None:
    with pytest.raises(NigraniError, match=why):
        children.check_free({"NIGRANI_LISTEN": listen})


def test_the_supervisor_stays_small() -> None:
    heavy = ("django", "chdb", "granian", "msgspec", "psycopg", "httpx", "clickhouse_connect")
    code = f"import sys, nigrani.node.supervisor; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"


def test_the_doctor_asks_the_reference_before_it_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path)
    home.ensure()
    assert list(working.reference(home, clock.now())) == []
    monkeypatch.setenv("NIGRANI_REFERENCE_URL", "http://127.0.0.1:9/")
    [check] = working.reference(home, clock.now())
    assert check.verdict == "bad"
    assert "an outage would be taken for our own" in check.what
    with _answering(b"HTTP/1.1 204 No Content\r\n\r\n") as (host, port):
        monkeypatch.setenv("NIGRANI_REFERENCE_URL", f"http://{host}:{port}/")
        [check] = working.reference(home, clock.now())
    assert check.verdict == "ok"


def test_a_question_with_nothing_to_say_says_nothing(home: Home) -> None:
    asked = doctor._Asked("reference", lambda _home, _now: [], home, clock.now())
    assert asked.answer(5) == []
