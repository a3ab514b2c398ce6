"""Label sets: one text for each, never one text for two."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nigrani.measures import labels

sets = st.dictionaries(st.sampled_from(["a", "b", "probe"]), st.text(alphabet="a,=\\{} \n"), min_size=2, max_size=3)


@given(sets, sets)
def test_two_label_sets_never_share_a_text(one: dict[str, str], other: dict[str, str]) -> None:
    if one.keys() == other.keys():
        assert (labels.key(one) == labels.key(other)) == (one == other)


@given(st.text())
def test_a_clean_value_can_be_kept_everywhere(text: str) -> None:
    value = labels.clean(text)
    assert "\x00" not in value
    assert len(value) <= 200
    assert value.encode().decode() == value
    assert labels.clean(value) == value


def test_values_that_had_to_change_stay_apart() -> None:
    assert labels.clean("a\nb") != labels.clean("a\tb")
    assert labels.clean("x" * 300) != labels.clean("x" * 301)
    assert labels.clean("login") == "login"


def test_only_names_the_values_wanted() -> None:
    assert labels.matches({"probe": "login"}, {"probe": ("login", "home")})
    assert not labels.matches({"probe": "admin"}, {"probe": ("login", "home")})
    assert labels.matches({"probe": "admin"}, {})
