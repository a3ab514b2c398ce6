"""What contradicts itself in the guide is told, and JSON of any shape is compared without a crash."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nigrani.integrations.web.config import Expect, ProbeConfig, SourceConfig
from nigrani.integrations.web.verdict import expiry, wrong_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "0"]), inner, max_size=3),
    max_leaves=8,
)
PATHS = st.lists(st.sampled_from(["a", "b", "0", "1", ""]), max_size=4).map(".".join)


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        (ProbeConfig(path="/login"), None),
        (ProbeConfig(path="?page=1"), None),
        (ProbeConfig(path="login"), "path must begin with /"),
        (ProbeConfig(json={}, body="x", method="POST"), "give json or body, not both"),
        (ProbeConfig(json={}), "a GET sends no body; set method: POST"),
        (ProbeConfig(method="HEAD", expect=Expect(body="x")), "a HEAD has no body to expect anything of; use GET"),
        (ProbeConfig(max_body=0), "max_body must be more than nothing"),
        (ProbeConfig(expect=Expect(status=())), "expect.status must name at least one status"),
        (SourceConfig(base="https://erp.example"), None),
        (SourceConfig(base="https://erp.example/?a=1"), "base must not hold a query or a fragment"),
    ],
)
def test_what_contradicts_itself_is_told(config: ProbeConfig | SourceConfig, problem: str | None) -> None:
    found = list(config.check())
    assert len(found) == (problem is not None)
    assert all(each.startswith(problem or "") for each in found)


@given(JSON, PATHS, JSON)
def test_any_json_is_compared_and_never_quoted(document: Any, path: str, wanted: Any) -> None:
    said = wrong_json(msgspec.json.encode(document), Expect(json={path: wanted}))
    assert said in ("", f"Its JSON has no {path}.", f"Its JSON has another {path} than expected.")


@given(JSON, st.sampled_from(["a", "b"]))
def test_a_value_is_always_itself(value: Any, name: str) -> None:
    assert wrong_json(msgspec.json.encode({name: value}), Expect(json={name: [value]})) == ""


@given(st.text(max_size=40))
def test_an_odd_date_is_no_date(text: str) -> None:
    assert expiry(text) is None


def test_a_date_is_read_whatever_the_locale() -> None:
    found = expiry("Nov  3 07:08:25 2027 GMT")
    assert found is not None
    assert found.isoformat() == "2027-11-03T07:08:25+00:00"
