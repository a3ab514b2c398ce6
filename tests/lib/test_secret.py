"""Secrets neither print themselves nor are read from files that others can read."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from nigrani.lib.errors import NigraniError
from nigrani.lib.secret import Secret, Vault


def test_a_secret_shows_itself_nowhere() -> None:
    secret = Secret("canary-7311")
    shown = f"{secret} {secret!r} {secret:>20} {[secret]} {'%s' % secret}"  # noqa: UP031 - each way to print
    assert "canary" not in shown
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(secret)


def test_the_environment_comes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vault = Vault(tmp_path)
    vault.put("SLACK_URL", Secret("from the file"))
    assert vault.get("SLACK_URL") == Secret("from the file")
    monkeypatch.setenv("SLACK_URL", "from the environment")
    assert vault.get("SLACK_URL") == Secret("from the environment")


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    path = vault.put("TOKEN", Secret("first"))
    path.write_text("second\n")
    assert vault.get("TOKEN") == Secret("second")


def test_a_file_others_can_read_is_refused_with_the_mend(tmp_path: Path) -> None:
    path = Vault(tmp_path).put("TOKEN", Secret("x"))
    path.chmod(0o640)
    with pytest.raises(NigraniError, match=r"can be read by other users\. Run: chmod 600"):
        Vault(tmp_path).get("TOKEN")


def test_names_cannot_leave_the_folder(tmp_path: Path) -> None:
    with pytest.raises(NigraniError, match="is no name of a secret"):
        Vault(tmp_path).get("../passwd")


def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    assert Vault(tmp_path).get("NOWHERE_TO_BE_FOUND") is None
