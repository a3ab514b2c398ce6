"""A small guide that has everything, and ways to write it, change it and load it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from nigrani.guide import Guide, load
from nigrani.lib.errors import GuideError
from nigrani.lib.secret import Secret, Vault

from .vocab import VOCABULARY

ROWS = "id\tsection\trow\nK01\tKPI\tAvailability 99.9 %\nA01\tAlert\tSystem Down\nC04\tMorning check\tUptime\n"
MAIN = """\
guide: 1
name: The School
zone: Asia/Kolkata
dead_man: {url: "${DEAD_MAN_URL}", every: 20s}
reference: ["${REFERENCE_URL}", "https://example.net/"]
repeat: {critical: {every: [10m, 1h], then: dev-lead}}
"""
PEOPLE = """\
people:
  dev-lead: {title: Lead, receivers: [alerts-channel]}
receivers:
  alerts-channel:
    send: chat
    title: "#alerts"
    webhook_url: "${CHAT_URL}"
"""
WEBSITE = """\
sources:
  website:
    kind: site
    title: The website
    base: "${SITE_URL}"
    stale_after: 1m
    every: 20s
    probes:
      login: {path: /login, expect: {status: [200, 204], body: "9:00"}}
      school: {path: /school, method: POST, json: {code: X1, n: 010, yes: true, no: no}, every: 1m, timeout: 5s}
measures:
  site_up:
    means: Share of answers that were right.
    unit: ratio
    combine: ratio
    needs: [website]
    by: [probe]
    sql: |
      SELECT minute , probe , num , den , n
      FROM probes WHERE {start:DateTime64(3)} {end:DateTime64(3)}
  first_byte:
    means: Time to the first byte.
    unit: ms
    combine: p95
    covers: [{C04: how soon it answers}]
    sql: |
      SELECT minute , n , digest
      FROM probes WHERE {start:DateTime64(3)} {end:DateTime64(3)}
alerts:
  site-down:
    title: The site is down
    means: Nobody can use it.
    covers: [A01]
    urgency: critical
    when: {measure: site_up, over: 2m, below: 95%, min_n: 3, only: {probe: [login]}}
    hold: 1m
    clear: {above: 99%, hold: 2m}
    owner: dev-lead
    action: Look at once.
    runbook: site-down
    starts: live
    examples:
      - {readings: "1*5 50%*10", each: 1m, expect: firing at 6m}
      - {readings: "1*15", expect: never fires}
  site-slow:
    title: The site is slow
    means: It takes long.
    urgency: high
    when: {measure: first_byte, over: 5m, above: 2s}
    owner: dev-lead
    action: Find out why.
kpis:
  availability: {title: Availability, covers: [K01], measure: site_up, objective: {above: 99.9%, over: 30d}}
checks:
  uptime: {title: Uptime, covers: [C04], measure: site_up, over: 24h, expect: {above: 99.9%}}
runbooks:
  site-down: {title: Down, steps: [Open the page., Call somebody.]}
"""
WINDOWS = """\
windows:
  nightly: {why: The backup runs., repeats: daily, starts: 23:30, lasts: 1h30m, sources: [website]}
  sunday:
    {why: Patches., repeats: weekly, days: [sunday], starts: 2:05, lasts: 2h, zone: Europe/Berlin, rules: [site-*]}
  move: {why: We move., repeats: once, date: 2026-12-31, starts: 22:00, lasts: 2d, rules: "*", labels: {probe: log*}}
"""
FILES: Mapping[str, str] = {
    "guide.yaml": MAIN,
    "people.yaml": PEOPLE,
    "website.yaml": WEBSITE,
    "windows.yaml": WINDOWS,
    "rows.tsv": ROWS,
}
SET = {
    "SITE_URL": "https://school.example", "CHAT_URL": "https://chat.example/hook/s3cret",
    "DEAD_MAN_URL": "https://dead.example/ping", "REFERENCE_URL": "https://reference.example/",
}  # fmt: skip


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write a guide's files, and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return folder


def vault(folder: Path, values: Mapping[str, str]) -> Vault:
    """Return a vault that keeps these values in files."""
    made = Vault(folder / "secrets")
    for name, value in values.items():
        made.put(name, Secret(value))
    return made


def loaded(folder: Path, files: Mapping[str, str | bytes] = FILES, values: Mapping[str, str] = SET) -> Guide:
    """Write and load a guide."""
    return load(write(folder / "guide", files), vocabulary=VOCABULARY, vault=vault(folder, values))


def problems(folder: Path, files: Mapping[str, str | bytes], values: Mapping[str, str] = SET) -> list[str]:
    """Write and load a guide that has mistakes, and return them."""
    with pytest.raises(GuideError) as caught:
        loaded(folder, files, values)
    return caught.value.problems


def changed(old: str, new: str, *, file: str = "website.yaml") -> dict[str, str | bytes]:
    """Return the guide with one change, which must be to something that stands there once."""
    text = FILES[file]
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
    return {**FILES, file: text.replace(old, new)}
