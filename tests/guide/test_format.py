"""The format's own description: the JSON Schema and the reference page, made from the classes the loader reads with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from nigrani.guide import reader, reference, shipped
from nigrani.guide.parser import Parser
from nigrani.guide.reader import Problems
from nigrani.guide.schema import schema

from . import books
from .real import vocabulary
from .vocab import VOCABULARY

ROOT = Path(__file__).parents[2]


def as_json(text: str) -> Any:
    """Read YAML as an editor does: by YAML 1.2's core schema."""
    problems = Problems()
    node = reader.read(text, "x.yaml", problems)
    assert node is not None
    assert not problems.found
    return Parser(problems).json(node, "it")


def complaints(text: str, validator: Draft202012Validator) -> list[str]:
    return [f"{each.json_path}: {each.message}" for each in _deep(validator.iter_errors(as_json(text)))]


def _deep(errors: Any) -> Iterator[Any]:
    for each in errors:
        if each.context:
            yield from _deep(each.context)
        else:
            yield each


@pytest.fixture(scope="module")
def small() -> Draft202012Validator:
    made = schema(VOCABULARY)
    Draft202012Validator.check_schema(made)
    return Draft202012Validator(made)


def test_every_file_of_the_shipped_guide_fits_the_schema() -> None:
    made = schema(vocabulary())
    Draft202012Validator.check_schema(made)
    validator = Draft202012Validator(made)
    files = [*shipped().glob("*.yaml")]
    assert len(files) >= 5
    for path in files:
        assert complaints(path.read_text(), validator) == [], path.name


def test_the_small_guide_fits_in_files_and_as_a_whole(small: Draft202012Validator) -> None:
    for name, text in books.FILES.items():
        if name.endswith(".yaml"):
            assert complaints(text, small) == [], name
    assert complaints(books.MAIN + books.PEOPLE + books.WEBSITE, small) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("title: The site is down", "titel: The site is down", "'title' is a required property"),
        ("title: The site is down", "titel: The site is down", "'titel' was unexpected"),
        ("urgency: critical", "urgency: urgent", "'urgent' is not one of ['critical', 'high', 'medium']"),
        ("kind: site", "kind: sites", "'sites' is not one of ['site', 'store']"),
        ("{path: /login,", "{pth: /login,", "'pth' was unexpected"),
        ("stale_after: 1m", "stale_after: 60", "60 is not of type 'string'"),
        ("below: 95%", "below: 95%, above: 5%", "is valid under each of"),
        ("    unit: ms\n", "", "'unit' is a required property"),
        ("    urgency: high\n", "", "'urgency' is a required property"),
        ("    urgency: high\n", "    levels: {high: {above: 2s}}\n", "should not be valid under"),
        ("    urgency: high\n", "    levels: {urgent: {above: 2s}}\n", "'urgent' was unexpected"),
        ("covers: [A01]", "covers: [{A01: a part, K01: another}]", "has too many properties"),
        ("  site-slow:", "  Site-Slow:", "'Site-Slow' does not match"),
        ("kpis:", "kpi:", "'kpi' was unexpected"),
    ],
)
def test_typical_mistakes_do_not_fit(small: Draft202012Validator, old: str, new: str, said: str) -> None:
    text = str(books.changed(old, new)["website.yaml"])
    assert any(said in line for line in complaints(text, small)), complaints(text, small)


def test_a_secret_in_the_open_does_not_fit(small: Draft202012Validator) -> None:
    text = books.PEOPLE.replace('"${CHAT_URL}"', "https://chat.example/hook")
    assert any("does not match '^\\\\$" in line for line in complaints(text, small))


def test_the_reference_page_says_what_the_code_reads() -> None:
    page = (ROOT / "docs" / "guide-reference.md").read_text()
    assert page == reference.text(vocabulary()), "Write it anew: python -m tests.guide.real"
