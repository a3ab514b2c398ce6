"""The receivers that the senders' pages show load as they stand."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from textwrap import dedent

import pytest

from nigrani import integrations
from nigrani.guide import Vocabulary, load
from nigrani.lib.errors import NigraniError
from nigrani.lib.secret import Secret, Vault

SENDERS = {each.manifest.name: each.config("ReceiverConfig") for each in integrations.with_face("send")}


def _no_sql(sql: str) -> object:
    raise NigraniError("There are no measures here.")


@pytest.mark.parametrize("name", sorted(SENDERS))
def test_the_documented_receiver_loads(name: str, tmp_path: Path) -> None:
    page = files(f"nigrani.integrations.{name}").joinpath("docs.md").read_text("utf-8")
    block = re.search(r"```yaml\n(.*?)```", page, re.S)
    assert block is not None
    shown = dedent(block[1]).rstrip()
    receiver = re.search(r"receivers:\n\s+([\w-]+):", shown)
    assert receiver is not None
    folder, vault = tmp_path / "guide", Vault(tmp_path / "secrets")
    folder.mkdir()
    (folder / "rows.tsv").write_text("id\tsection\trow\n")
    (folder / "guide.yaml").write_text("guide: 1\nname: School\nzone: Asia/Kolkata\n")
    (folder / "people.yaml").write_text(f"{shown}\npeople:\n  lead: {{title: Lead, receivers: [{receiver[1]}]}}\n")
    needed = set(re.findall(r"\$\{(\w+)\}", block[1]))
    vocabulary = Vocabulary(sources={}, receivers=SENDERS, inspect_sql=_no_sql)  # type: ignore[arg-type]

    bare = load(folder, vocabulary=vocabulary, vault=vault).receivers[receiver[1]]
    assert (set(bare.missing), bare.config) == (needed, None)
    for secret in needed:
        vault.put(secret, Secret("https://example.com/canary7f3a9"))
    ready = load(folder, vocabulary=vocabulary, vault=vault).receivers[receiver[1]]
    assert ready.is_set_up
    assert "canary7f3a9" not in repr(ready)
