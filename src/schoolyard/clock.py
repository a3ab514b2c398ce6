"""The yard's one reading of the wall clock."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the time as an aware UTC datetime."""
    return datetime.now(UTC)  # noqa: TID251 - this is the one place of this package that reads the clock


def stamp(at: datetime | None = None) -> str:
    """Return a time (now by default) as RFC 3339 in UTC with milliseconds."""
    return (at or now()).astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def naive(at: datetime) -> datetime:
    """Return an aware time as the ERP stores it: UTC, without a zone, in whole milliseconds."""
    plain = at.astimezone(UTC).replace(tzinfo=None)
    return plain.replace(microsecond=plain.microsecond // 1000 * 1000)
