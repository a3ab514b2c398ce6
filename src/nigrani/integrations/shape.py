"""Check that an integration's folder has the one shape, so that the next one is written without asking anybody."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

from nigrani.guide import fields

from . import Manifest, PollFace, ProbeFace, SendFace, SurveyFace

# Faces that are built so far: their function, as its protocol says, and the configuration they need.
_FACES: Mapping[str, tuple[Callable[..., Any], tuple[str, ...], str]] = {
    "probe": (ProbeFace.probe, ("SourceConfig", "ProbeConfig"), "What is read"),
    "poll": (PollFace.poll, ("SourceConfig",), "What is read on and on"),
    "send": (SendFace.send, ("ReceiverConfig",), "What is sent"),
    "survey": (SurveyFace.survey, ("SourceConfig", "QuestionConfig"), "What a survey asks"),
}
_LATER = ("webhook", "store", "act")
_SECTIONS = ("Set up", "", "Limits", "When it fails", "How to remove it", "Sources")


def problems(name: str, *, package: str = __package__) -> list[str]:
    """Return what is wrong with the folder `name`, a sentence each; nothing when its shape is right."""
    whole = f"{package}.{name}"
    try:
        module = importlib.import_module(whole)
    except ImportError as error:
        return [f"{name}: can't be imported: {error}"]
    folder = Path(next(iter(module.__path__)))
    manifest = getattr(module, "MANIFEST", None)
    if not isinstance(manifest, Manifest):
        return [f"{name}: __init__.py has no MANIFEST"]
    found = [
        *_manifest(name, manifest, module),
        *_faces(manifest, folder, whole),
        *_docs(manifest, folder / "docs.md"),
        *_captured(folder / "captured"),
        *_tests(name, folder),
    ]
    return [f"{name}: {each}" for each in found]


def _manifest(name: str, manifest: Manifest, module: ModuleType) -> Iterator[str]:
    if manifest.name != name:
        yield f"MANIFEST is named {manifest.name!r}, the folder is not"
    if not manifest.title:
        yield "MANIFEST has no title"
    if not manifest.faces:
        yield "MANIFEST names no face"
    if not module.__doc__:
        yield "__init__.py has no docstring"
    try:
        date.fromisoformat(manifest.verified_on)
    except ValueError:
        yield f"verified_on {manifest.verified_on!r} is no date such as 2026-11-23"
    for limit in manifest.limits:
        if not (limit.what and limit.value and limit.source):
            yield f"the limit {limit.what or limit.value!r} lacks what, value or source"


def _faces(manifest: Manifest, folder: Path, whole: str) -> Iterator[str]:
    for face, (wanted, configs, _) in _FACES.items():
        is_there = (folder / f"{face}.py").exists()
        if is_there != (face in manifest.faces):
            yield f"{face}.py is {'there but not a face' if is_there else 'missing'} of MANIFEST"
        if is_there and face in manifest.faces:
            yield from _function(importlib.import_module(f"{whole}.{face}"), face, wanted)
            for config in configs:
                yield from _config(whole, config)
    for face in _LATER:
        if face in manifest.faces:
            yield f"the face {face} has no protocol yet"


def _function(module: ModuleType, face: str, wanted: Callable[..., Any]) -> Iterator[str]:
    found = getattr(module, face, None)
    if not inspect.isfunction(found):
        yield f"{face}.py has no function {face}"
        return
    as_declared = [(each.name, each.kind) for each in list(inspect.signature(wanted).parameters.values())[1:]]
    as_written = [(each.name, each.kind) for each in inspect.signature(found).parameters.values()]
    if as_declared != as_written:
        yield f"{face}{inspect.signature(found)} takes other arguments than its protocol"
    if not found.__doc__:
        yield f"{face}() has no docstring"


def _config(whole: str, name: str) -> Iterator[str]:
    try:
        module = importlib.import_module(f"{whole}.config")
    except ImportError:
        yield "config.py is missing or can't be imported"
        return
    cls = getattr(module, name, None)
    if cls is None:
        yield f"config.py has no {name}"
    else:
        yield from _fields(cls, name)


def _fields(cls: Any, name: str) -> Iterator[str]:
    if not dataclasses.is_dataclass(cls) or not isinstance(cls, type) or not cls.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        yield f"{name} is no frozen dataclass"
        return
    hints = get_type_hints(cls, include_extras=True)
    for each in dataclasses.fields(cls):
        where = f"{name}.{each.name}"
        if each.name == "check":
            yield f"{where} hides the method check()"
        for key in ("help", "example"):
            said = each.metadata.get(key)
            if isinstance(said, bool) or not isinstance(said, (str, int, float)) or said == "":
                yield f"{where} has no {key} in its metadata, written as in the guide"
        try:
            shape = fields.shape(hints[each.name])
        except TypeError as error:
            yield f"{where}: {error}"
            continue
        if shape.form == "class":
            yield from _fields(shape.inner, where)


def _docs(manifest: Manifest, path: Path) -> Iterator[str]:
    if not path.is_file():
        yield "docs.md is missing"
        return
    sections = re.findall(r"^## (.+?)\s*$", path.read_text(encoding="utf-8"), re.MULTILINE)
    middle = [_FACES[face][2] for face in manifest.faces if face in _FACES]
    wanted = [each or said for each in _SECTIONS for said in (middle if not each else [each])]
    if missing := [each for each in wanted if each not in sections]:
        yield f"docs.md lacks the sections: {', '.join(missing)}"
    elif [each for each in sections if each in wanted] != wanted:
        yield f"docs.md has its sections in another order than: {', '.join(wanted)}"


def _captured(folder: Path) -> Iterator[str]:
    if not (folder / "README.md").is_file():
        yield "captured/README.md is missing: it says when and how the payloads were taken"
    if not any(each.is_file() and each.name != "README.md" for each in folder.glob("*")):
        yield "captured/ holds no payload"


def _tests(name: str, folder: Path) -> Iterator[str]:
    """Tests are looked for in a checkout only: an installed package has none."""
    root = folder.parents[3]
    if (root / "pyproject.toml").is_file():
        tests = root / "tests" / "integrations" / name
        if not any(tests.glob("test_*.py")):
            yield f"tests/integrations/{name}/ holds no tests"
