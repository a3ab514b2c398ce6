"""The supervisor over stand-in children: real processes, real signals."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator

import pytest
from tests.eventually import eventually
from tests.node.upping import FAKES, Up, gone

from nigrani.lib.home import Home
from nigrani.node import pids, standing

Start = Callable[..., Up]


@pytest.fixture
def start(home: Home) -> Iterator[Start]:
    """Yield what starts a supervisor on the test's home; none outlives the test."""
    started: list[Up] = []

    def make(*words: str, wait: bool = True, **env: str) -> Up:
        up = Up(home, FAKES, str(home.path), *words, env=env)
        started.append(up)
        if wait:
            eventually(up.all_ready)
        return up

    yield make
    for up in started:
        up.end()


def test_children_start_in_order_and_stop_in_reverse(start: Start) -> None:
    up = start()
    left = up.everyone()
    up.process.terminate()
    assert up.process.wait(10) == 0
    assert gone(left)
    order = (up.home.run / "order").read_text().split()
    assert order == ["+first", "+second", "+third", "-third", "-second", "-first"]
    assert not standing.is_held(up.home)


@pytest.mark.parametrize("word", [signal.SIGINT, signal.SIGHUP])
def test_a_closed_terminal_and_ctrl_c_stop_everything(start: Start, word: signal.Signals) -> None:
    up = start()
    left = up.everyone()
    up.process.send_signal(word)
    assert up.process.wait(10) == 0
    assert gone(left)


def test_a_killed_child_is_started_again_alone_and_told_once(start: Start) -> None:
    up = start()
    before = {name: up.entry(name).pid for name in ("first", "second", "third")}
    grandchild = int((up.home.run / "second.grandchild").read_text())
    os.kill(before["second"], signal.SIGKILL)
    eventually(lambda: up.all_ready() and up.entry("second").pid != before["second"])
    assert (up.entry("first").pid, up.entry("third").pid) == (before["first"], before["third"])
    assert (up.entry("second").restarts, up.entry("second").last_exit) == (1, "SIGKILL")
    eventually(lambda: not pids.mark(grandchild))
    [told] = up.lines("node.restarted")
    assert (told["child"], told["tries"], told["because"]) == ("second", 1, "SIGKILL")
    assert len(up.lines("node.child_lost")) == 1


@pytest.mark.parametrize("how", ["kernel", "tether"])
def test_children_die_with_a_killed_supervisor(start: Start, how: str) -> None:
    up = start(how)
    left = [entry.pid for entry in up.told().children.values()]
    up.process.kill()
    eventually(lambda: gone(left))


@pytest.mark.slow("waits out the 15 s given to a leftover and the 5 s after SIGTERM")
def test_after_a_kill_the_next_start_waits_for_what_was_left(start: Start) -> None:
    up = start()
    (up.home.run / "first.deaf").touch()  # it won't end by itself
    left = [entry.pid for entry in up.told().children.values()]
    up.process.kill()
    up.process.wait()
    eventually(lambda: gone(left[1:]))
    again = start(wait=False)
    eventually(again.all_ready, timeout_s=30)
    assert gone(left)
    assert again.lines("node.leftovers_found")


def test_two_supervisors_never_share_a_home(start: Start) -> None:
    up = start()
    second = start(wait=False)
    assert second.process.wait(10) != 0
    assert f"Another Nigrani (pid {up.process.pid}, since 20" in up.said.read_text()
    assert up.all_ready()


def test_a_hung_child_is_killed_and_started_again(start: Start) -> None:
    up = start()
    before = up.entry("third").pid
    (up.home.run / "third.mute").touch()
    eventually(lambda: up.lines("node.child_hung"))
    (up.home.run / "third.mute").unlink()
    eventually(lambda: up.all_ready() and up.entry("third").pid != before)
    assert up.entry("third").last_exit == "SIGKILL"


def test_a_stopped_child_is_hung_too(start: Start) -> None:
    up = start()
    before = up.entry("first").pid
    os.kill(before, signal.SIGSTOP)
    eventually(lambda: up.all_ready() and up.entry("first").pid != before)


def test_a_child_deaf_to_sigterm_is_killed_after_its_deadline(start: Start) -> None:
    up = start()
    (up.home.run / "second.deaf").touch()
    left = up.everyone()
    up.process.terminate()
    assert up.process.wait(8) == 0
    assert gone(left)


def test_a_second_signal_waits_for_nobody(start: Start) -> None:
    up = start()
    for name in ("first", "second", "third"):
        (up.home.run / f"{name}.deaf").touch()
    left = up.everyone()
    up.process.terminate()
    eventually(lambda: up.lines("node.stopping"))
    up.process.terminate()
    assert up.process.wait(1.5) == 0  # three deadlines of 3 s were not waited for
    assert gone(left)


def test_a_mistake_a_person_must_mend_stops_all_in_the_childs_words(start: Start, home: Home) -> None:
    (home.run / "third.exit").write_text("2")
    up = start(wait=False)
    assert up.process.wait(10) == 2
    said = up.said.read_text()
    assert "third does not start: The guide has 1 mistake.\nguide.yaml:3:1: no such thing" in said
    assert (home.run / "order").read_text().split() == ["+first", "+second", "-second", "-first"]


def test_a_mistake_made_later_does_not_stop_what_ran(start: Start) -> None:
    up = start()
    (up.home.run / "third.exit").write_text("2")
    os.kill(up.entry("third").pid, signal.SIGKILL)
    eventually(lambda: up.entry("third").restarts >= 2)
    assert up.process.poll() is None
    (up.home.run / "third.exit").unlink()
    eventually(up.all_ready)
    assert len(up.lines("node.child_lost")) == 1
    assert len(up.lines("node.restarted")) == 1


def test_what_is_missing_at_the_start_is_tried_a_few_times_then_told(start: Start, home: Home) -> None:
    (home.run / "second.exit").write_text("3")
    up = start(wait=False)
    assert up.process.wait(20) == 3
    assert "second does not start:" in up.said.read_text()
    assert up.entry("second").restarts == 4


def test_what_runs_is_written_down_for_us_alone(start: Start) -> None:
    up = start()
    files = [path for path in up.home.path.rglob("*") if path.is_file() and path.parent in (up.home.run, up.home.log)]
    written = {path.name: path.stat().st_mode & 0o777 for path in files}
    assert written["node.json"] == written["lock"] == written["first.log"] == 0o600


def test_systemd_hears_ready_alive_and_stopping(start: Start, home: Home) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ears:
        ears.bind(str(home.run / "notify"))
        ears.settimeout(60)
        # Heard from the start on: a socket that nobody reads takes only ten words.
        up = start(wait=False, NOTIFY_SOCKET=str(home.run / "notify"), WATCHDOG_USEC="200000")
        heard = {ears.recv(100)}
        while b"READY=1" not in heard:
            heard.add(ears.recv(100))
        assert b"WATCHDOG=1" in heard
        up.process.terminate()
        while b"STOPPING=1" not in heard:
            heard.add(ears.recv(100))
        assert up.process.wait(10) == 0
