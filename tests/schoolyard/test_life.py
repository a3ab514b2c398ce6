"""Starting, traffic, and ends: nothing of a yard outlives it."""

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from tests.eventually import eventually
from tests.schoolyard.client import boot, remove


def alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rsplit(") ", 1)[1][0] != "Z"


@pytest.mark.slow
@pytest.mark.parametrize("is_frozen", [False, True])
def test_traffic_flows_and_a_killed_yard_takes_postgres_with_it(is_frozen: bool) -> None:
    """Slow: boots a yard of its own in repaired mode and kills it."""
    yard = boot("--mode", "repaired", "--traffic-rate", "30", "--hour", "9", "--seed", "5")
    assert yard.get("/api/health").status_code == 200
    visits = eventually(lambda: (t := yard.state()["counters"]["traffic"]).get("login", 0) > 3 and t)
    assert "unreachable" not in visits
    signins = yard.rows(
        "SELECT count(*) AS n FROM audit_logs WHERE resource = 'nextauth_signin' "
        "AND \"createdAt\" > (now() AT TIME ZONE 'utc') - interval '1 minute'"
    )
    assert signins[0]["n"] > 3
    postmaster = int((yard.home / "pg" / "data" / "postmaster.pid").read_text().split()[0])
    if is_frozen:
        yard.fault("database_hang")
    yard.process.send_signal(signal.SIGKILL)
    yard.process.wait(5)
    yard.http.close()
    eventually(lambda: not alive(postmaster))
    remove(yard)


def test_a_home_that_nobody_cannot_pass_is_explained() -> None:
    with tempfile.TemporaryDirectory() as closed:
        home = Path(closed) / "yard"
        command = [sys.executable, "-m", "schoolyard", "up", "--home", str(home), "--scale", "small"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert f"chmod o+x {closed}" in done.stderr
