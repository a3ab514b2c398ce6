"""Somebody guesses a teacher's password: the security team is told, with an id and no e-mail address."""

from __future__ import annotations

import re

from nigrani.demo import telling
from nigrani.demo.eyes import Eyes
from nigrani.demo.stage import Stage

SHOWS = "Somebody guesses a password: the security team is told who is meant, by id and count, never by e-mail address."
_RULES = ("failed-logins", "password-guessing")
_ATTEMPTS = 40
_SEEN_S = 180.0  # a day's window is told of only when the day before has been read, which takes a minute or two


def play(stage: Stage, eyes: Eyes, inject: bool) -> bool:
    """Forty wrong passwords for one account: both rules tell it, and the quick one tells that it is over."""
    calm = telling.settled(stage, eyes)
    if calm:
        telling.promote(stage, *_RULES)
    telling.break_(stage, inject, "failed_logins", kind="known", count=_ATTEMPTS)
    guessed = telling.told(stage, "told", "Somebody is guessing a password", timeout_s=_SEEN_S)
    counted = guessed and telling.told(
        stage, "told of the day's count", "Failed logins of one account", timeout_s=_SEEN_S
    )
    telling.mend(stage, inject, "failed_logins")
    return (
        calm
        and guessed
        and counted
        and _harmless(stage)
        and telling.told(
            stage, "told that it is over", "Somebody is guessing", kind="resolved", timeout_s=telling.CLEAR_S
        )
    )


def _harmless(stage: Stage) -> bool:
    """Whether everything the channel got names an id and a count, and no e-mail address at all."""
    whole = [
        str(item) for item in stage.yard.journal("slack") if "ailed logins" in str(item) or "guessing" in str(item)
    ]
    leaked = [said for said in whole if re.search(r"[\w.+-]+@[\w-]+\.[\w.]+", said)]
    named = any(re.search(r"\bc[a-z0-9]{24}\b", said) for said in whole)
    stage.happened(
        "no e-mail address in it" if not leaked else "an e-mail address in it", leaked[0][:200] if leaked else ""
    )
    stage.happened("the account's id in it" if named else "missing: the account's id")
    return named and not leaked
