"""Examples run on the machine that runs live; those of the guide that ships all hold."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.measures.making import HERE, MINUTE, alert, failed, share

from nigrani.alerts import examples
from nigrani.guide import Clear, Condition, Example


def rule(*shown: tuple[str, str], n: int | None = None, **changes: Any) -> Any:
    told = tuple(Example(readings, MINUTE, expect, n, HERE) for readings, expect in shown)
    return alert(**({"when": Condition("failed", 60 * MINUTE, above=10)} | changes), examples=told)


@pytest.mark.parametrize(
    ("readings", "expect"),
    [
        ("0*10 11*5", "firing at 10m"),
        ("10*30", "never fires"),
        ("11*3 0*3", "firing at 0m, ok at 3m"),
        ("?*3", "unknown"),
    ],
)
def test_an_example_that_holds_has_no_problem(readings: str, expect: str) -> None:
    assert examples.run(rule((readings, expect)), failed()) == []


def test_holds_and_clear_levels_count() -> None:
    held = rule(
        ("0 11*20 7*10 4*20", "pending at 1m, firing at 6m, firing at 30m, recovering at 31m, ok at 46m"),
        hold=5 * MINUTE, clear=Clear(below=5, hold=15 * MINUTE),
    )  # fmt: skip
    [problem] = examples.run(held, failed())
    assert problem.endswith("expects firing at 30 min, but it fires earlier, at 6 min.")


@pytest.mark.parametrize(
    ("readings", "expect", "problem"),
    [
        ("0*10 11*5", "firing at 12m", "expects firing at 12 min, but it fires earlier, at 10 min."),
        ("0*10", "firing at 5m", "expects firing at 5 min, but it is ok then."),
        ("0 11", "never fires", "expects never fires, but it fires at 1 min."),
        ("0 x", "ok", "can't be read: 'x' is no value in count; write for example 0*10 11*5"),
    ],
)
def test_an_example_that_fails_says_where_and_how(readings: str, expect: str, problem: str) -> None:
    [said] = examples.run(rule((readings, expect)), failed())
    assert said == f"made.yaml:1:1: the example of alert 'down' {problem}"


def test_too_few_observations_never_fire() -> None:
    few = rule(("0*30", "never fires"), n=8, when=Condition("share", MINUTE, below=0.5, min_n=40))
    assert examples.run(few, share()) == []
    assert examples.run(rule(("0*30", "firing"), when=few.when, hold=timedelta()), share()) == [
        "made.yaml:1:1: the example of alert 'down' expects firing at 29 min, but it fires earlier, at 0 ms."
    ]
