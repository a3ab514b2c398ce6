"""The units, judged by systemd itself where it is installed, and by their text everywhere."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

from nigrani.lib.home import Home
from nigrani.node import systemd

EXECUTABLE = Path("/bin/true")  # systemd-analyze looks whether it is there


def _parsed(text: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    return parser


@pytest.mark.parametrize("user", ["root", "nigrani"])
@pytest.mark.parametrize("home", ["/var/lib/nigrani", "/srv/my nigrani 100%", "/home/me/.nigrani", "/tmp/x"])
def test_systemd_accepts_every_unit(tmp_path: Path, home: str, user: str) -> None:
    for name, text in systemd.units(Home(Path(home)), EXECUTABLE, user).items():
        unit = tmp_path / name
        unit.write_text(text)
        assert _parsed(text)["Service"]["User"] == user
        if shutil.which("systemd-analyze"):
            told = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True)
            assert (told.returncode, told.stdout + told.stderr) == (0, "")


def test_only_root_keeps_capabilities_and_only_what_changing_to_the_databases_user_takes() -> None:
    home = Home(Path("/var/lib/nigrani"))
    of_root = _parsed(systemd.units(home, EXECUTABLE, "root")["nigrani.service"])["Service"]
    of_user = _parsed(systemd.units(home, EXECUTABLE, "nigrani")["nigrani.service"])["Service"]
    assert of_user["CapabilityBoundingSet"] == ""
    assert "CAP_SETUID" in of_root["CapabilityBoundingSet"]
    assert "CAP_SYS_ADMIN" not in of_root["CapabilityBoundingSet"]
    assert of_root["NoNewPrivileges"] == of_user["NoNewPrivileges"] == "yes"


def test_a_socket_in_tmp_is_not_hidden_by_a_private_one() -> None:
    near, far = Home(Path("/var/lib/nigrani")), Home(Path("/srv") / ("long" * 30))
    assert _parsed(systemd.units(near, EXECUTABLE, "nigrani")["nigrani.service"])["Service"]["PrivateTmp"] == "yes"
    service = _parsed(systemd.units(far, EXECUTABLE, "nigrani")["nigrani.service"])["Service"]
    assert "PrivateTmp" not in service
    assert service["ReadWritePaths"].endswith(" /tmp")
