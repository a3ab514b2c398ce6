"""Why was this (not) sent?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nigrani.lib import clock

from .frame import emit, json_option
from .watch import _guide

if TYPE_CHECKING:
    from nigrani.alerts.why import Why

_SHOWN = 40


@click.command()
@click.argument("alert")
@json_option
def why(alert: str, as_json: bool) -> None:
    """Say why an alert was or was not sent, and why it fires or does not: every decision of the last year.

    \b
    nigrani why system-down
    nigrani why 'probe-down{probe=login}' --json
    """
    guide = _guide()
    from nigrani.alerts import why as reasons

    found = reasons.of(guide, alert, now=clock.now())
    if as_json:
        from nigrani.api.silences import why_shape

        emit({"items": [why_shape(each) for each in found], "next": None})
        return
    click.echo("\n\n".join(_text(each) for each in found))


def _text(found: Why) -> str:
    lines = [f"{found.key}: {found.state}", *(f"  {each}" for each in (*found.now, *found.mutes))]
    for each in found.entries[:_SHOWN]:
        whom = f" {each.receiver}" if each.receiver else ""
        head = {"change": f"{each.what} → {each.word}", "decision": f"  {each.what}{whom}: {each.word}"}
        lines.append(f"{each.at:%Y-%m-%d %H:%M:%S} UTC  {head.get(each.kind, f'    try: {each.word}')}  {each.says}")
    if found.is_cut or len(found.entries) > _SHOWN:
        lines.append("  … and older ones: see the alert's page, or --json")
    return "\n".join("".join(sign if sign.isprintable() else "�" for sign in line) for line in lines)
