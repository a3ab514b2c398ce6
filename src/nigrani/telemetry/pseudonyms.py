"""Personal data becomes pseudonyms before a fact is written down: the same value gives the same word, and the word
does not give the value back.

Recognised are e-mail addresses, phone, card and Aadhaar numbers, tokens and cookies. Ids of users and schools stay,
and so do IP addresses: security rules are about them. The key is the installation's own (secrets/PSEUDONYM_KEY).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from nigrani.lib.home import Home

_LENGTH = 12  # hex digits of a pseudonym: 48 bits tell a team's users apart

# In this order: what a later pattern would take for something smaller comes first.
_TOKEN = re.compile(
    r"eyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?"  # a JWT
    r"|\b(?:xox[a-z]|gh[a-z]|sk|rzp|re|whsec)_[\w-]{12,}|\bxox[a-z]-[\w-]{10,}"  # keys that say whose they are
    r"|(?<![\w+-])(?=[\w+-]*[0-9])(?=[\w+-]*[a-z])(?=[\w+-]*[A-Z])[\w+-]{40,}={0,2}"
    r"|\b(?=[0-9a-z]*[0-9])(?=[0-9a-z]*[a-z])[0-9a-z]{32,}\b"  # a digest; an id is shorter
)
_COOKIE = re.compile(
    r"(?<![\w.-])((?=[\w.-]{0,80}(?:session|token|csrf|auth))[\w.-]{4,80}=)([^;\s\"']{8,})", re.IGNORECASE
)
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+")
_CARD = re.compile(r"(?<![\w.-])(?:[0-9]{4}[ -]?){3}[0-9]{4}(?![\w-])|(?<![\w.-])3[47][0-9]{13}(?![\w-])")
_AADHAAR = re.compile(r"(?<![\w.-])[2-9][0-9]{3}[ -]?[0-9]{4}[ -]?[0-9]{4}(?![\w-])")
_PHONE = re.compile(
    r"(?<![\w.])\+[1-9][0-9]{0,2}[ -]?(?:[0-9][ -]?){7,11}[0-9](?!\w)"
    r"|(?<![\w.+])(?:91|0)?[ -]?[6-9][0-9]{4}[ -]?[0-9]{5}(?!\w)"
)


_MAY_HOLD = re.compile(r"@|[0-9]{4}|[=_]|[0-9A-Za-z]{20}")
_SHORT = 120  # longer texts seldom come twice


@dataclass(frozen=True)
class Scrubber:
    """Makes pseudonyms under one key."""

    key: bytes

    def pseudonym(self, kind: str, value: str) -> str:
        """Return the word for a value: `email:3f9a0c…`. Case and blanks around it make no difference."""
        digest = hmac.new(self.key, f"{kind}\0{value.strip().lower()}".encode("utf-8", "replace"), hashlib.sha256)
        return f"{kind}:{digest.hexdigest()[:_LENGTH]}"

    def hidden(self, value: str) -> str:
        """Return a pseudonym for a whole value, by what it is: an e-mail address, a phone number, or just a name."""
        text = value.strip()
        if not text:
            return ""
        if _EMAIL.fullmatch(text):
            return self.pseudonym("email", text)
        return self.pseudonym("phone", _national(text)) if _PHONE.fullmatch(text) else self.pseudonym("name", text)

    def text(self, value: str) -> str:
        """Return a text with everything personal that is recognised in it made into pseudonyms."""
        if not _MAY_HOLD.search(value):
            return value
        return self._scrubbed(value) if len(value) > _SHORT else _remembered(self, value)

    def _scrubbed(self, value: str) -> str:
        found = _COOKIE.sub(lambda match: match[1] + self.pseudonym("token", match[2]), value)
        found = _TOKEN.sub(lambda match: self.pseudonym("token", match[0]), found)
        found = _EMAIL.sub(lambda match: self.pseudonym("email", match[0]), found)
        found = _CARD.sub(lambda match: self._number("card", match[0], _is_card), found)
        found = _AADHAAR.sub(lambda match: self._number("aadhaar", match[0], _is_aadhaar), found)
        return _PHONE.sub(lambda match: self.pseudonym("phone", _national(match[0])), found)

    def _number(self, kind: str, written: str, is_one: Callable[[str], bool]) -> str:
        digits = re.sub(r"\D", "", written)
        return self.pseudonym(kind, digits) if is_one(digits) else written


@lru_cache(maxsize=8192)
def _remembered(scrubber: Scrubber, value: str) -> str:
    return scrubber._scrubbed(value)


def current() -> Scrubber:
    """Return the scrubber of the current home; its key is made at first use."""
    return Scrubber(Home.from_environment().own_secret("PSEUDONYM_KEY").reveal().encode())


def _national(number: str) -> str:
    return re.sub(r"\D", "", number)[-10:]


def _is_card(digits: str) -> bool:
    """Luhn's check digit."""
    doubled = [int(each) * (1 + at % 2) for at, each in enumerate(reversed(digits))]
    return sum(each - 9 if each > 9 else each for each in doubled) % 10 == 0


def _times(a: int, b: int) -> int:
    """Multiply in the dihedral group of ten elements."""
    if a < 5:
        return (a + b) % 5 if b < 5 else (a + b - 5) % 5 + 5
    return (a - 5 - b) % 5 + 5 if b < 5 else (a - b) % 5


_PERMUTED = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def _is_aadhaar(digits: str) -> bool:
    """Verhoeff's check digit, which every Aadhaar number ends with."""
    check = 0
    for at, each in enumerate(reversed(digits)):
        moved = int(each)
        for _ in range(at % 8):
            moved = _PERMUTED[moved]
        check = _times(check, moved)
    return check == 0
