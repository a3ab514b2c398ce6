"""Which alerts a silence or a window is about: rules and labels by name or glob, sources by name. Pure.

A glob is a name in which `*` stands for any text (lib/globs.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from nigrani.lib.globs import fits

PATTERNS_MAX, LABELS_MAX, PATTERN_MAX = 20, 4, 200


@dataclass(frozen=True)
class Matchers:
    """What is matched: an alert whose rule fits one of `rules`, whose rule needs one of `sources`, and each of whose
    named labels fits one of its globs. What is left empty is not asked.
    """

    rules: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def match(self, rule: str, labels: Mapping[str, str], needs: Collection[str]) -> bool:
        """Whether an alert of `rule` with these labels is meant. needs: the sources that feed the rule."""
        return (
            (not self.rules or any(fits(each, rule) for each in self.rules))
            and (not self.sources or not set(self.sources).isdisjoint(needs))
            and all(
                name in labels and any(fits(each, labels[name]) for each in globs)
                for name, globs in self.labels.items()
            )
        )

    def problems(self) -> Iterable[str]:
        """Yield what is wrong with them by themselves: nothing named, too many, too long."""
        if not (self.rules or self.sources or self.labels):
            yield "It names nothing: say a rule, a source or a label; `*` is every rule"
        if len(self.labels) > LABELS_MAX:
            yield f"It names {len(self.labels)} labels; at most {LABELS_MAX}"
        for word, globs in (("rules", self.rules), ("sources", self.sources), *self.labels.items()):
            if len(globs) > PATTERNS_MAX:
                yield f"It names {len(globs)} {word}; at most {PATTERNS_MAX}"
            if any(not each or len(each) > PATTERN_MAX for each in globs):
                yield f"One of its {word} is empty or longer than {PATTERN_MAX} characters"

    def __str__(self) -> str:
        parts = [", ".join(self.rules)] if self.rules else []
        parts += [f"sources {', '.join(self.sources)}"] if self.sources else []
        parts += [f"{name}={' or '.join(globs)}" for name, globs in sorted(self.labels.items())]
        return "; ".join(parts)
