"""Quantities as people write them in a guide, and as they read them on a page."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)\Z")
_BYTES = {
    "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip


def duration(text: str) -> timedelta:
    """Read a duration such as 500ms, 15s, 1h30m or 7d. Raises ValueError with what is wanted."""
    text = text.strip()
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is no duration; write for example 500ms, 15s, 2m, 1h30m or 7d")
    return timedelta(seconds=sum(float(number) * _SECONDS[unit] for number, unit in parts))


def ratio(text: str) -> float:
    """Read a ratio: 95% is 0.95, and 0.95 is itself. Raises ValueError outside 0 to 1."""
    text = text.strip()
    try:
        value = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        raise ValueError(f"{text!r} is no ratio; write for example 95% or 0.95") from None
    if not 0 <= value <= 1:
        raise ValueError(f"{text!r} lies outside 0% to 100%")
    return value


def size(text: str) -> int:
    """Read a size in bytes such as 1MiB or 500 kB. Raises ValueError without a unit."""
    found = _SIZE.match(text.strip())
    if not found:
        raise ValueError(f"{text!r} is no size; write for example 500kB, 1MiB or 2GB")
    return int(float(found[1]) * _BYTES[found[2]])


def show_duration(span: timedelta | float) -> str:
    """Write a duration (timedelta or seconds) with its two largest units: '1 h 5 min', '12 s', '340 ms'."""
    seconds = span.total_seconds() if isinstance(span, timedelta) else float(span)
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    if seconds < 1:
        return f"{sign}{seconds * 1000:.0f} ms"
    whole = round(seconds)
    parts = [
        (whole // 86400, "d"), (whole % 86400 // 3600, "h"), (whole % 3600 // 60, "min"), (whole % 60, "s"),
    ]  # fmt: skip
    first = next(index for index, (amount, _) in enumerate(parts) if amount)
    return sign + " ".join(f"{amount} {unit}" for amount, unit in parts[first : first + 2] if amount)


def show_age(since: datetime, *, now: datetime) -> str:
    """Write how long ago an instant was: '3 min ago'; 'in 5 min' when it lies ahead."""
    passed = (now - since).total_seconds()
    if abs(passed) < 1:
        return "now"
    return f"{show_duration(passed)} ago" if passed > 0 else f"in {show_duration(-passed)}"


def show_value(value: float | None, unit: str) -> str:
    """Write a measured value with its unit; None (no number) is an em dash.

    unit: ratio (0 to 1, written in percent), ms, seconds, bytes, count, number, or any noun.
    """
    if value is None:
        return "—"
    match unit:
        case "ratio":
            # Cut, not rounded, close to the whole: 99.996 % is not all.
            return f"{min(value * 100, 99.99) if 0.9999 < value < 1 else value * 100:.4g} %"
        case "ms":
            return f"{value:,.0f} ms" if value >= 10 else f"{value:.2g} ms"
        case "seconds":
            return show_duration(value)
        case "bytes":
            return show_size(value)
        case "count" | "number":
            return f"{value:,.4g}" if value < 10000 else f"{value:,.0f}"
        case _:
            return f"{value:,.4g} {unit}"


def show_size(size_bytes: float) -> str:
    """Write a size in bytes with a decimal unit: 1.5 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(size_bytes) < 1000:
            return f"{size_bytes:.3g} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.3g} TB"


def show_rupees(paise: int) -> str:
    """Write an amount in paise as rupees with lakh grouping: 12345678 is ₹1,23,456.78."""
    rupees, rest = divmod(abs(paise), 100)
    digits = str(rupees)
    head, tail = digits[:-3], digits[-3:]
    groups: list[str] = []
    while head:
        groups.insert(0, head[-2:])
        head = head[:-2]
    return f"{'-' if paise < 0 else ''}₹{','.join([*groups, tail])}.{rest:02d}"
