"""What is wrong with a feed is told with its place, its key and the nearest valid name."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from nigrani.guide import grants, load, shipped
from nigrani.integrations.postgres.selects import inspect
from nigrani.lib.errors import GuideError, NigraniError
from nigrani.lib.secret import Vault

from .real import vocabulary


def problems(folder: Path, old: str, new: str) -> list[str]:
    """Return the mistakes of the shipped guide with one text replaced."""
    made = folder / "guide"
    shutil.copytree(shipped(), made)
    path = made / "database.yaml"
    text = path.read_text()
    assert text.count(old) == 1, old
    path.write_text(text.replace(old, new))
    try:
        load(made, vocabulary=vocabulary(), vault=Vault(folder))
    except GuideError as error:
        return error.problems
    return []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("watermark: createdAt", "watermark: createdat", "which its SELECT does not return (nearest: createdAt)."),
        ("        id: id\n", "        id: key\n", "'id' of the feed 'audit' of the source 'database' names 'key'"),
        ("actor: actor", "actr: actor", "fills 'actr', which audit does not have (nearest: actor)."),
        ("          action: action\n", "", "'map' of the feed 'audit' of the source 'database' does not fill"),
        ("to: audit", "to: adit", "names 'adit', which no feed can fill (nearest: audit)."),
        ("zone: UTC", "zone: Asia/Calcuta", "there is no time zone 'Asia/Calcuta' (nearest: Asia/Calcutta)."),
        ("zone: UTC", "zone: Europe/Berlin", "sets its clocks back once a year"),
        ("FROM audit_logs a\n", "FROM audit_logs a ORDER BY 2\n", "A feed's SQL has no ORDER BY."),
        ("FROM audit_logs a\n", "FROM audit_logs a LIMIT 5\n", "A feed's SQL has no LIMIT."),
        ("hide: [identifier]", "hide: [identifer]", "names 'identifer', which its SELECT does not return (near"),
        ("zone: UTC", "zone: UTC\n        page: 0", "page is a number of rows from 1 to 10000."),
        ("zone: UTC", "zone: UTC\n        overlap: 1s", "is shorter than 'every', so that a late row"),
        ("zone: UTC", "zone: UTC\n        watermrk: x", "has no key 'watermrk' (nearest: watermark)."),
    ],
)  # fmt: skip
def test_a_mistake_is_told(tmp_path: Path, old: str, new: str, said: str) -> None:
    found = problems(tmp_path, old, new)
    assert len(found) == 1
    assert found[0].startswith("database.yaml:")
    assert said in found[0]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("DELETE FROM audit_logs", "Only SELECT is allowed in a feed's SQL."),
        ("SELECT 1 AS id; SELECT 2 AS id", "One SELECT is wanted; this has 2 statements."),
        ("SELECT * FROM audit_logs", "A feed's SQL names its columns."),
        ("SELECT id, id FROM audit_logs", "The output column id is given twice."),
        ("SELECT count(*) FROM audit_logs", "Every output column needs a name."),
        ("SELECT id FROM audit_logs WHERE id = $1", "A feed's SQL has no parameters."),
        ("WITH gone AS (DELETE FROM audit_logs RETURNING id) SELECT id FROM gone", "Only reading is allowed"),
        ("SELECT id FROM audit_logs FOR UPDATE", "Only reading is allowed"),
        ("SELEC id", "SELECT"),
        ("SELECT (", "The SQL can't be read"),
    ],
)
def test_sql_that_is_no_plain_select_is_refused(sql: str, said: str) -> None:
    with pytest.raises(NigraniError) as error:
        inspect(sql)
    assert said in str(error.value)


def test_a_kind_without_feeds_says_so(tmp_path: Path) -> None:
    made = tmp_path / "guide"
    shutil.copytree(shipped(), made)
    path = made / "website.yaml"
    path.write_text(path.read_text().replace("    kind: web\n", "    kind: web\n    feeds: {x: {sql: SELECT 1}}\n", 1))
    with pytest.raises(GuideError) as error:
        load(made, vocabulary=vocabulary(), vault=Vault(tmp_path))
    assert "The source 'website' is of kind web, which has no feeds." in error.value.hint


def test_what_the_role_is_granted_is_read_from_the_text_alone() -> None:
    found = grants.reads(shipped())
    assert "createdAt" in found["audit_logs"]
    assert "passwordHash" not in found["User"]
