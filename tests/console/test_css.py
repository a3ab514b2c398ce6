"""The stylesheet keeps its promises: contrast in both themes, small, nothing from elsewhere."""

from __future__ import annotations

import re

import pytest

from nigrani.console import assets

NAMED = re.compile(r"--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);")

# text on ground: every pair that occurs on a page, 4.5:1
TEXT = [
    *((ink, ground) for ink in ("ink", "soft") for ground in ("paper", "raised", "sunken", "line")),
    *((state, ground) for state in ("ok", "warn", "bad", "unknown") for ground in ("paper", "raised", "sunken")),
    ("ink", "bad-soft"),
    ("bad", "bad-soft"),
    ("soft", "bad-soft"),
    ("ink", "warn-soft"),
    ("soft", "warn-soft"),
    ("soft", "unknown-soft"),
    ("unknown", "unknown-soft"),
    ("ink", "unknown-soft"),
    ("paper", "ink"),
]
# borders of controls and shapes, 3:1
SHAPES = [
    *(("edge", ground) for ground in ("paper", "raised", "sunken")),
    *((state, ground) for state in ("ok", "warn", "bad", "unknown") for ground in ("paper", "raised", "sunken")),
    ("ink", "paper"),
]


def css() -> str:
    return assets.assets()["/static/console/console.css"].plain.decode()


def colours(theme: str) -> dict[str, str]:
    return {name: light if theme == "light" else dark for name, light, dark in NAMED.findall(css())}


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_measure_is_right() -> None:
    assert contrast("#000000", "#ffffff") == 21
    assert round(contrast("#767676", "#ffffff"), 2) == 4.54


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("pairs", "least"), [(TEXT, 4.5), (SHAPES, 3.0)], ids=["text", "shapes"])
def test_contrast(theme: str, pairs: list[tuple[str, str]], least: float) -> None:
    known = colours(theme)
    faint = {
        f"{front} on {back}": round(found, 2)
        for front, back in pairs
        if (found := contrast(known[front], known[back])) < least
    }
    assert faint == {}


def test_every_colour_is_one_property_with_two_values() -> None:
    rest = NAMED.sub("", css())
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b", rest) == []
    assert re.findall(r"\b(?:rgb|hsl|oklch)\((?!0 0 0 / 0\.4)", rest) == []


def test_every_property_used_is_defined() -> None:
    defined = set(re.findall(r"--([a-z-]+):", css()))
    assert set(re.findall(r"var\(--([a-z-]+)\)", css())) <= defined


def test_it_is_small_and_from_here() -> None:
    assert len(css().encode()) < 30_000
    assert "url(" not in css()
    assert "@import" not in css()


def test_the_script_is_short() -> None:
    script = assets.assets()["/static/console/console.js"].plain.decode()
    assert script.count("\n") < 200
    assert "eval(" not in script
    assert "innerHTML" not in script


def test_focus_is_visible() -> None:
    assert ":focus-visible { outline: 2px solid var(--ink)" in css()
    assert re.findall(r"outline: (?:none|0)", css()) == ["outline: none"]  # only of main, which a link jumps to
