"""Ask every question of the guide's findings, one after another: of a website no faster than `pace`.

What can't be asked is never "fine": it is "could not look", with the reason. Nothing here writes a row.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from nigrani import integrations
from nigrani.guide.model import Finding, Guide
from nigrani.integrations import Question, Seen
from nigrani.integrations.postgres import catalog, quiet, roles
from nigrani.integrations.postgres import survey as database
from nigrani.lib import clock
from nigrani.lib.errors import Refused, SourceError, Unreachable

from . import names as naming
from .report import FindingResult, FindingState

PACE = timedelta(milliseconds=500)
TIMEOUT = timedelta(seconds=10)
_SILENT_MAX = 2
_PERSONAL = "-- Some of these hold personal data: they are compared inside the database, only counts come out.\n"
_ROUNDS = 3  # how often a call is repeated to see whether it leaves a database alone


@dataclass
class Asking:
    """One survey's questions. After `ask_all`: the names that were found, and what our role may not read."""

    guide: Guide
    tries: bool
    pace: timedelta = field(default_factory=lambda: PACE)
    timeout: timedelta = TIMEOUT
    names: dict[str, naming.Names | SourceError] = field(default_factory=dict)  # by source
    unreadable: dict[str, dict[str, set[str]]] = field(default_factory=dict)  # source -> table -> columns
    away: dict[str, str] = field(default_factory=dict)  # sources that are asked no more, and why
    _silent: dict[str, int] = field(default_factory=dict)
    _seen_already: dict[str, tuple[Seen, datetime]] = field(default_factory=dict)

    def ask_all(self, progress: Callable[[int], None] = lambda _: None) -> list[FindingResult]:
        """Ask everything, telling after each how many are done."""
        results = []
        self._ask_together()
        for finding in self.guide.findings.values():
            results.append(self._ask(finding))
            progress(len(results))
        return results

    def _ask_together(self) -> None:
        """Ask what a database can be asked in one go; what fails so is asked by itself in its turn."""
        for name, source in self.guide.sources.items():
            if source.kind != "postgres" or not source.is_set_up:
                continue
            chosen = {
                each.name: Question(source.config, each.config, self.timeout, self._filled(name))
                for each in self.guide.findings.values()
                if each.source == name and self._is_plain(each) and not self._unnamed(each)
            }
            if name in self.away:
                continue
            at = clock.now()
            with suppress(SourceError):
                for finding, seen in database.together(chosen).items():
                    self._seen_already[finding] = (seen, at)

    def _is_plain(self, finding: Finding) -> bool:
        """Whether a question is one SELECT and nothing besides."""
        if finding.missing or finding.quiet or (finding.tries and not self.tries):
            return False
        return bool(finding.config.sql)

    def _filled(self, source: str) -> Mapping[str, str]:
        known = self.names.get(source, {})
        return naming.placeholders(known) if not isinstance(known, SourceError) else {}

    def tables(self) -> dict[str, str]:
        """Return what the guide's tables are called, as far as they were found."""
        found = [pair for each in self.names.values() if not isinstance(each, SourceError) for pair in each.items()]
        return {name: each.shown for name, each in found if isinstance(each, naming.Mapped)}

    def grants(self) -> str:
        """Return SQL that would let our roles read what they could not; "" when nothing was refused."""
        return "".join(
            _PERSONAL + roles.reading({table: sorted(columns) for table, columns in tables.items()}, self._role(source))
            for source, tables in self.unreadable.items()
        )

    def _role(self, source: str) -> str:
        return str(conninfo_to_dict(self.guide.sources[source].config.dsn.reveal()).get("user") or roles.MONITOR)

    def _ask(self, finding: Finding) -> FindingResult:
        source = self.guide.sources[finding.source]
        if not source.is_set_up:
            return _result(finding, "no source", f"Not set up: {', '.join(source.missing)} is missing.")
        if finding.tries and not self.tries:
            return _result(finding, "waits for a try", f"It does more than look: {finding.tries}")
        if finding.missing:
            return _result(finding, "could not look", f"{', '.join(finding.missing)} is not set.")
        if finding.source in self.away:
            return _result(finding, "could not look", self.away[finding.source])
        if why_not := self._unnamed(finding):
            return _result(finding, "could not look", why_not)
        at = clock.now()
        try:
            if finding.name in self._seen_already:
                seen, at = self._seen_already[finding.name]
            else:
                seen = self._seen(finding, source.kind)
        except SourceError as error:
            self._note_unreadable(finding, error)
            if isinstance(error, Unreachable):
                self._note_away(finding.source, error)
            return _result(finding, "could not look", str(error), at=at)
        self._silent.pop(finding.source, None)
        if seen.found is None:
            because, state = "What came back says neither.", "could not look"
        else:
            because, state = "", "found" if seen.found else "clear"
        return _result(finding, state, because, seen=seen, at=at)  # type: ignore[arg-type]  # one of the words

    def _seen(self, finding: Finding, kind: str) -> Seen:
        source = self.guide.sources[finding.source]
        question = Question(source.config, finding.config, self.timeout, self._filled(finding.source))
        surveyor = integrations.find(kind).surveyor
        if kind == "web":
            threading.Event().wait(self.pace.total_seconds())
        if not finding.quiet:
            return surveyor.survey(question)
        return self._untouched(finding, lambda: surveyor.survey(question))

    def _untouched(self, finding: Finding, ask: Callable[[], Seen]) -> Seen:
        """Ask, and see whether a database was touched meanwhile. Others' work can't be told from the call's, so one
        quiet round proves that the call leaves it alone, and a busy database proves nothing."""
        watched = self.guide.sources[finding.quiet]
        if not watched.is_set_up:
            raise Refused(f"{watched.title} is not set up, so nobody sees whether it is touched.")

        def touched(act: Callable[[], Seen]) -> tuple[Seen, bool]:
            before = quiet.last_work(watched.config.dsn, timeout=self.timeout)
            came = act()
            return came, quiet.last_work(watched.config.dsn, timeout=self.timeout) != before

        seen = nothing = Seen(None, "", "")
        for _ in range(_ROUNDS):
            seen, was_touched = touched(ask)
            if seen.found is not True:
                return seen
            if not was_touched:
                return replace(seen, came=f"{seen.came}; {watched.title} did nothing meanwhile")
        if touched(lambda: nothing)[1]:
            return replace(seen, found=None, came=f"{seen.came}; {watched.title} is too busy to tell")
        return replace(seen, found=False, came=f"{seen.came}; {watched.title} worked each time")

    def _unnamed(self, finding: Finding) -> str:
        """Say why the question's tables can't be named, or ""."""
        wanted = list(finding.config.names()) if hasattr(finding.config, "names") else []
        if not wanted:
            return ""
        known = self._known(finding.source)
        return str(known) if isinstance(known, SourceError) else naming.why_not(known, wanted)

    def _known(self, source: str) -> naming.Names | SourceError:
        if source not in self.names:
            tables = [each for each in self.guide.tables.values() if each.source == source]
            try:
                there = catalog.catalog(self.guide.sources[source].config.dsn, timeout=self.timeout)
                self.names[source] = naming.find(tables, there)
            except SourceError as error:
                self.names[source] = error
                if isinstance(error, Unreachable):
                    self.away[source] = str(error)
        return self.names[source]

    def _note_away(self, source: str, error: SourceError) -> None:
        """Ask a source no more that was silent twice in a row: each question would wait out its time."""
        self._silent[source] = self._silent.get(source, 0) + 1
        if self._silent[source] >= _SILENT_MAX:
            self.away[source] = str(error)

    def _note_unreadable(self, finding: Finding, error: SourceError) -> None:
        known = self.names.get(finding.source)
        if known is None or isinstance(known, SourceError) or not database.lacks_right(error):
            return
        for table, column in finding.config.reads():
            found: Any = known[table]
            columns = self.unreadable.setdefault(finding.source, {}).setdefault(f"{found.schema}.{found.name}", set())
            if column:
                columns.add(found.columns[column])


def _result(
    finding: Finding, state: FindingState, because: str, *, seen: Seen | None = None, at: Any = None
) -> FindingResult:
    return FindingResult(
        name=finding.name,
        title=finding.title,
        state=state,
        because=because,
        asked=seen.asked if seen else "",
        came=seen.came if seen else "",
        at=at,
        source=finding.source,
        means=finding.means,
        do=finding.do,
        snippet=finding.snippet,
        tries=finding.tries,
        hinders=list(finding.hinders),
        limits=list(finding.limits),
        concerns=list(finding.concerns),
    )


def plans(guide: Guide) -> Mapping[str, str]:
    """Return what a survey with tries would do besides looking: finding -> what it does."""
    return {
        each.title: each.tries
        for each in guide.findings.values()
        if each.tries and guide.sources[each.source].is_set_up and not each.missing
    }
