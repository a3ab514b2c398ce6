"""How pages write states, instants, values and links. Everything from outside is escaped here too."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django import template
from django.template.context import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from nigrani.alerts.queries import AlertView
from nigrani.console import states
from nigrani.console.sorting import Order
from nigrani.guide.model import Cover, Where
from nigrani.lib import units

register = template.Library()


@register.simple_tag
def state(word: str, said: str = "") -> SafeString:
    """Write a state as shape and word. `said` replaces the usual word, and keeps the look."""
    look = states.look(word)
    drawing = mark_safe(states.shape(look))  # noqa: S308 - our own constant
    return format_html(
        '<span class="state {}"><svg class="shape" viewBox="0 0 16 16" aria-hidden="true">{}</svg>{}</span>',
        look,
        drawing,
        said or states.say(word),
    )


@register.simple_tag
def alert_state(alert: AlertView) -> SafeString:
    """Write an alert's state; one that is in shadow keeps its word and is muted, an unknown one says why."""
    word = states.say(alert.word)
    if alert.phase == "shadow":
        return state("muted", f"{word}, in shadow")
    return state(alert.known if alert.state == "unknown" else alert.state, word)


@register.simple_tag
def rule_state(word: str, phase: str) -> SafeString:
    """Write a rule's state, muted while it is in shadow."""
    return state("muted", f"{states.say(word)}, in shadow") if phase == "shadow" else state(word)


@register.simple_tag(takes_context=True)
def maintained(context: Context, maintenance: Mapping[str, tuple[datetime, str]], name: str) -> str:
    """Write that a source is in maintenance, until when and why; nothing for others."""
    found = maintenance.get(name) if maintenance else None
    if found is None:
        return ""
    until = local(found[0], now=context["now"], zone=context.get("zone") or ZoneInfo("UTC"))
    return format_html("{} <small>{}</small>", state("muted", f"In maintenance until {until}"), found[1])


@register.simple_tag
def titled(name: str, titles: Mapping[str, str]) -> str:
    """Write what a name of the guide is called; nobody is an em dash."""
    return titles.get(name, name) if name else "—"


@register.filter
def look(word: str) -> str:
    """Return the class of a state: ok, warn, bad, unknown or muted."""
    return states.look(word)


@register.simple_tag
def mark() -> SafeString:
    """Draw the product's mark: an eye that watches."""
    return mark_safe(
        '<svg viewBox="0 0 20 20" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="2">'
        '<path d="M1.5 10C4 5.5 7 4 10 4s6 1.5 8.5 6C16 14.5 13 16 10 16s-6-1.5-8.5-6z"/>'
        '<circle cx="10" cy="10" r="2.5" fill="currentColor"/></svg>'
    )


@register.simple_tag(takes_context=True)
def when(context: Context, at: datetime | str | None, form: str = "both") -> str:
    """Write an instant as its age and the guide's clock; the full instant stands in the element.

    form: both, age or clock. None, and what a template does not find, is an em dash.
    """
    if not isinstance(at, datetime):
        return "—"
    zone: ZoneInfo = context.get("zone") or ZoneInfo("UTC")
    now: datetime = context["now"]
    age, clock = units.show_age(at, now=now), local(at, now=now, zone=zone)
    text = {"age": age, "clock": clock}.get(form, f"{age} · {clock}")
    utc = at.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        utc.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        f"{at.astimezone(zone):%A %-d %B %Y, %H:%M:%S %Z} ({utc:%Y-%m-%d %H:%M:%S} UTC)",
        text,
    )


def local(at: datetime, *, now: datetime, zone: ZoneInfo) -> str:
    """Write an instant by the guide's clock, with the day unless it is today and the year unless it is this one."""
    there, today = at.astimezone(zone), now.astimezone(zone)
    if there.date() == today.date():
        return f"{there:%H:%M:%S %Z}"
    return f"{there:%-d %b %H:%M %Z}" if there.year == today.year else f"{there:%-d %b %Y %H:%M %Z}"


@register.filter
def value(number: float | None, unit: str) -> str:
    """Write a measured value with its unit."""
    return units.show_value(number, unit)


@register.filter
def duration(span: timedelta | float | None) -> str:
    """Write a duration with its two largest units; None is an em dash."""
    return "—" if span is None else units.show_duration(span)


@register.filter
def milliseconds(number: float | None) -> str:
    """Write milliseconds without the unit, which stands in the table's head."""
    return "—" if number is None else f"{number:,.0f}" if number >= 10 else f"{number:.1f}"


@register.filter
def words(text: str) -> list[str]:
    """Split at spaces, so that a template can walk a few fixed words."""
    return text.split()


@register.filter
def spoken(text: str) -> str:
    """Write a state's word as a page does."""
    return states.say(text)


@register.simple_tag
def place(where: Where | None) -> str:
    """Link to the line of the guide on which an object stands."""
    if where is None:
        return ""
    return format_html('<a class="mono" href="/guide/{}#L{}">{}:{}</a>', where.file, where.line, where.file, where.line)


@register.simple_tag
def covers(items: tuple[Cover, ...]) -> SafeString:
    """Link to the rows of the guide that something answers, each with what of it, when not all."""
    parts = [
        format_html('<a href="/cover#{}">{}</a>{}', item.row, item.row, f" ({item.part})" if item.part else "")
        for item in items
    ]
    return SafeString(", ".join(parts)) if parts else SafeString("—")


@register.simple_tag
def labels(values: Mapping[str, str]) -> str:
    """Write an alert's labels as {key=value, key=value}; nothing when there are none."""
    if not values:
        return ""
    text = ", ".join(f"{key}={item}" for key, item in values.items())
    return format_html('<span class="mono wrap">{{{}}}</span>', text)


@register.simple_tag(takes_context=True)
def address(context: Context, **changes: object) -> str:
    """Return the page's own address with some of its parameters changed; an empty one goes."""
    kept = context["request"].GET.dict() | {key: str(item) for key, item in changes.items()}
    return "?" + urlencode({key: item for key, item in kept.items() if item})


@register.simple_tag(takes_context=True)
def turn(context: Context, changes: Mapping[str, object]) -> str:
    """Return the page's own address at another page of a list."""
    return address(context, **changes)


@register.simple_tag(takes_context=True)
def heading(context: Context, key: str, word: str, kind: str = "") -> str:
    """Write a column's head as a link that sorts by it. kind: num or wide, as the column's cells have it."""
    order = context.get("order") or Order()
    is_sorted = order.key == key
    spoken = mark_safe(f' aria-sort="{order.direction}"') if is_sorted else ""  # noqa: S308 - one of two words
    arrow = ("▲" if order.direction == "ascending" else "▼") if is_sorted else ""
    looks = format_html(' class="{}"', kind) if kind else ""
    target = address(context, sort=order.after_click(key), page="")
    return format_html(
        '<th scope="col"{}{}><a href="{}">{}<span class="arrow" aria-hidden="true">{}</span></a></th>',
        looks, spoken, target, word, arrow,
    )  # fmt: skip
