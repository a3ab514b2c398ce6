"""Every integration's folder has the one shape, and a folder that has not is told so."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nigrani import integrations
from nigrani.integrations import shape


@pytest.mark.parametrize("name", integrations.names())
def test_shape(name: str) -> None:
    assert shape.problems(name) == []


def test_every_folder_is_found_with_its_faces() -> None:
    assert {"web", "postgres"} <= {each.manifest.name for each in integrations.with_face("probe")}
    assert {"slack", "email"} <= {each.manifest.name for each in integrations.with_face("send")}
    with pytest.raises(KeyError, match="shape"):
        integrations.find("shape")


MANIFEST = """
"A system."
from nigrani.integrations import Limit, Manifest
MANIFEST = Manifest({name!r}, "A system", ("probe",), "2026-11-23", (Limit("calls", "10 a second", "its docs"),))
"""
PROBE = '''
def probe(jobs):
    """Ask."""
    return iter(())
'''
CONFIG = """
from dataclasses import dataclass, field
from nigrani.lib.secret import Secret
@dataclass(frozen=True)
class SourceConfig:
    token: Secret = field(metadata={"help": "Its token.", "example": "${TOKEN}"})
@dataclass(frozen=True)
class ProbeConfig:
    pass
"""
DOCS = "# A system\n\n" + "\n\nText.\n\n".join(
    f"## {each}" for each in ("Set up", "What is read", "Limits", "When it fails", "How to remove it", "Sources")
)


class Folders:
    """Makes folders of a package that only the test can see."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.count = 0

    def problems(self, **files: str | None) -> list[str]:
        self.count += 1
        name = f"made{self.count}"
        folder = self.root / "madeup" / name
        whole = {
            "__init__.py": MANIFEST.format(name=name),
            "probe.py": PROBE,
            "config.py": CONFIG,
            "docs.md": DOCS,
            "captured/README.md": "Live.",
            "captured/ok.json": "{}",
        }
        for path, text in (whole | files).items():
            if text is not None:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_text(text.replace("NAME", name))
        return [each.removeprefix(f"{name}: ") for each in shape.problems(name, package="madeup")]


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Folders]:
    monkeypatch.syspath_prepend(str(tmp_path))
    yield Folders(tmp_path)
    for name in [name for name in sys.modules if name.split(".")[0] == "madeup"]:
        del sys.modules[name]


def test_a_right_folder_has_no_problems(folders: Folders) -> None:
    assert folders.problems() == []


@pytest.mark.parametrize(
    ("file", "text", "problem"),
    [
        ("__init__.py", "", "__init__.py has no MANIFEST"),
        ("__init__.py", MANIFEST.format(name="other"), "MANIFEST is named 'other', the folder is not"),
        ("__init__.py", MANIFEST.format(name="NAME").replace("2026-11-23", "lately"),
         "verified_on 'lately' is no date such as 2026-11-23"),
        ("__init__.py", MANIFEST.format(name="NAME").replace("its docs", ""), "the limit 'calls' lacks what"),
        ("__init__.py", MANIFEST.format(name="NAME").replace('("probe",)', '("probe", "send")'),
         "send.py is missing of MANIFEST"),
        ("__init__.py", MANIFEST.format(name="NAME").replace('("probe",)', '("probe", "webhook")'),
         "the face webhook has no protocol yet"),
        ("probe.py", None, "probe.py is missing of MANIFEST"),
        ("send.py", "", "send.py is there but not a face of MANIFEST"),
        ("probe.py", "x = 1", "probe.py has no function probe"),
        ("probe.py", PROBE.replace("jobs", "job"), "probe(job) takes other arguments than its protocol"),
        ("probe.py", "def probe(jobs):\n    return iter(())", "probe() has no docstring"),
        ("config.py", None, "config.py is missing or can't be imported"),
        ("config.py", CONFIG.replace("ProbeConfig", "Other"), "config.py has no ProbeConfig"),
        ("config.py", CONFIG.replace("(frozen=True)", ""), "SourceConfig is no frozen dataclass"),
        ("config.py", CONFIG.replace('"help": "Its token.", ', ""),
         "SourceConfig.token has no help in its metadata"),
        ("config.py", CONFIG.replace('"${TOKEN}"', "{}"), "SourceConfig.token has no example in its metadata"),
        ("config.py", CONFIG.replace("token: Secret", "token: complex"), "SourceConfig.token: a guide's"),
        ("config.py", CONFIG.replace("token: Secret", "check: Secret"), "SourceConfig.check hides the method check()"),
        ("docs.md", None, "docs.md is missing"),
        ("docs.md", DOCS.replace("## Limits", "## Bounds"), "docs.md lacks the sections: Limits"),
        ("docs.md", DOCS.replace("## Limits", "## X").replace("## Set up", "## Limits").replace("## X", "## Set up"),
         "docs.md has its sections in another order"),
        ("captured/README.md", None, "captured/README.md is missing"),
        ("captured/ok.json", None, "captured/ holds no payload"),
    ],
)  # fmt: skip
def test_a_broken_folder_is_told_what_is_wrong(folders: Folders, file: str, text: str | None, problem: str) -> None:
    found = folders.problems(**{file: text})
    assert any(each.startswith(problem) for each in found), found


def test_a_folder_that_can_not_be_imported_is_told_so() -> None:
    assert shape.problems("none_such") == [
        "none_such: can't be imported: No module named 'nigrani.integrations.none_such'"
    ]
