"""The first hour: a URL, a read-only database role, one channel and one person; the rest stays "no source".

Everything given is tried at once: the site is asked, the role's rights are read, the message is delivered.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click

from nigrani.guide import Guide, grants, shipped
from nigrani.guide.fields import KINDS
from nigrani.integrations import Answer, ProbeJob, find
from nigrani.integrations.postgres import privileges, roles
from nigrani.lib import clock, links
from nigrani.lib.errors import NigraniError, SourceError, Unreachable
from nigrani.lib.home import Home
from nigrani.lib.postgres import address_problems
from nigrani.lib.secret import Secret
from nigrani.node import app, postgres, standing

SUPPOSED_VERSION = 160000  # for `--sql` before any address is known; older servers lack one grant of it
_SLACK_PATH = "/services/"


@dataclass(frozen=True)
class Channel:
    """Where to be told: the kind of sender, and the secrets its receiver in the shipped guide reads."""

    kind: str
    secrets: tuple[tuple[str, str], ...]


def run(
    home: Home,
    *,
    url: str | None,
    dsn: str | None,
    channel: str | None,
    person: str | None,
    smtp: str | None,
    insist: bool,
    sql: bool,
    skip: bool,
) -> int:
    """Ask for what is not given (unless `skip`), try it, keep it. Returns 1 when something given did not work yet.

    Raises NigraniError for what is refused: a superuser without `insist`, an address that is none.
    """
    if sql:
        click.echo(roles_sql(SUPPOSED_VERSION, _database_of(dsn)), nl=False)
        return 0
    home.ensure()
    click.echo(f"Nigrani keeps everything in {home.path}, readable by nobody else.\n")
    ask = _asker(skip)
    works = [
        _website(home, ask(url, "1. The website's address (https://…)")),
        _database(home, _read_dsn(dsn, ask), insist=insist),
    ]
    told = ask(channel, "3. Where to tell you: a Slack webhook, a mail address, or a webhook")
    if "@" in told and ":" not in told:
        smtp = ask(smtp, "   The server that takes your mail (user:password@host:587)")
    if told:
        _keep(home, parse_channel(told, smtp))
    email = ask(person, "4. Your own mail address, to sign in with")
    with _state(home):
        works.append(_told(home) if told else _left_out("channel", "nobody is told anything"))
        _invite(email)
    click.echo("\nStart it with: nigrani up")
    return 0 if all(works) else 1


def _database_of(dsn: str | None) -> str:
    """Return the name of the database in an address; that of PostgreSQL's own where none was given."""
    return urlsplit(dsn or "").path.strip("/") or "postgres"


def roles_sql(server_version: int, database: str) -> str:
    """Return the SQL of the three separate roles; only the first is needed now."""
    return "\n".join(
        (
            "-- Run in psql as a superuser, or as your provider's admin role: an owner may not grant pg_monitor.",
            "-- Each role is separate; today Nigrani needs only the first.",
            roles.monitor(server_version, database, grants.reads(_guide_folder())),
            "-- Later, for backups:",
            _commented(roles.backup(server_version, database, {})),
            "-- Later, for locking a user: may change just these columns.",
            _commented(roles.act(server_version, database, ACT_CHANGES, finds_by=ACT_FINDS)),
        )
    )


def _guide_folder() -> Path:
    """Return where the guide stands, before any of it is loaded."""
    if chosen := os.environ.get("NIGRANI_GUIDE"):
        return Path(chosen).absolute()
    home = Home.from_environment()
    return home.guide if home.guide.is_dir() else shipped()


# What containment needs in SikshaMitra ERP: login checks "User"."isActive" and user_schools."isActive", no other.
ACT_CHANGES = {"User": ("isActive", "updatedAt"), "user_schools": ("isActive", "updatedAt")}
ACT_FINDS = {"User": ("id", "role"), "user_schools": ("id", "userId", "schoolId")}


def _commented(text: str) -> str:
    return "".join(f"-- {line}\n" for line in text.splitlines())


def _asker(skip: bool) -> Callable[[str | None, str], str]:
    def ask(given: str | None, question: str) -> str:
        if given is not None or skip:
            return (given or "").strip()
        return str(click.prompt(f"{question}\n   (empty to leave it out)", default="", show_default=False)).strip()

    return ask


def _left_out(what: str, consequence: str) -> bool:
    click.echo(f"   Left out: without a {what}, {consequence}.")
    return True


def _website(home: Home, url: str) -> bool:
    if not url:
        return _left_out("website", "its rows stay 'no source'")
    kind = KINDS["url"]  # what the guide will hold it against, so that nothing is kept that stops the next start
    try:
        kind.parse(url)
    except ValueError:
        raise NigraniError(f"The website wants {kind.noun}.", f"For example {kind.example}") from None
    web = find("web")
    source_config = web.config("SourceConfig")(base=url)
    if problems := list(source_config.check()):
        raise NigraniError(f"{url!r}: {problems[0]}.")
    job = ProbeJob("website", "init", source_config, web.config("ProbeConfig")(path=""), timedelta(seconds=10))
    _, answer = next(iter(web.prober.probe([job])))
    home.vault.put("ERP_URL", Secret(url))
    if isinstance(answer, Answer) and (answer.ok or answer.status):
        click.echo(f"   It answers {answer.status} in {answer.ms.get('total', 0):.0f} ms. Kept as ERP_URL.")
        return True
    click.echo(f"   It does not answer: {answer.detail if isinstance(answer, Answer) else answer}. Kept all the same.")
    return False


def _read_dsn(dsn: str | None, ask: Callable[[str | None, str], str]) -> str:
    if dsn == "-":
        return sys.stdin.readline().strip()
    return ask(dsn, "2. A read-only address of its PostgreSQL (make the role with: nigrani init --sql)")


def _database(home: Home, dsn: str, *, insist: bool) -> bool:
    if not dsn:
        return _left_out("database address", "its rows stay 'no source'")
    address = Secret(dsn)
    if problems := list(address_problems(address)):
        raise NigraniError(f"The database address: {problems[0]}.")
    try:
        found = privileges.privileges(address)
    except Unreachable as error:
        home.vault.put("ERP_DATABASE_URL", address)
        click.echo(f"   {error} Kept all the same; its rights could not be looked at.")
        return False
    if (too_much := found.too_much()) and not insist:
        raise NigraniError(
            "This role may do more than look: " + " ".join(too_much),
            "Run this as a superuser and use nigrani_monitor, or say --insist:\n\n"
            + roles_sql(found.server_version, found.database),
        )
    for warning in (*too_much, *found.too_little()):
        click.echo(f"   warning: {warning}")
    home.vault.put("ERP_DATABASE_URL", address)
    allowed = f"may do more than look at {found.database}" if too_much else f"may look at {found.database} and no more"
    click.echo(f"   {found.role} {allowed}. Kept as ERP_DATABASE_URL.")
    return True


def parse_channel(address: str, smtp: str | None) -> Channel:
    """Tell a Slack webhook, a mailbox, a webhook and an Apprise address apart.

    smtp: user:password@host:port, needed for a mailbox. Raises NigraniError for what is none of these.
    """
    parts = urlsplit(address)
    if parts.scheme in ("http", "https"):
        if parts.path.startswith(_SLACK_PATH):
            return Channel("slack", (("SLACK_WEBHOOK_URL", address),))
        return Channel("webhook", (("ALERT_WEBHOOK_URL", address),))
    if parts.scheme:
        return Channel("apprise", (("APPRISE_URL", address),))
    if "@" not in address:
        raise NigraniError(f"{address!r} is no channel.", "Give https://hooks.slack.com/services/…, or a mail address.")
    if not smtp:
        raise NigraniError("A mail address needs a server to send through.", "Add --smtp user:password@host:587")
    server = urlsplit(f"smtp://{smtp}")
    if bool(server.username) != bool(server.password):
        raise NigraniError("A login at a mail server is a user and a password.", "Write user:password@host:587")
    return Channel(
        "email",
        (
            ("ALERT_MAIL_TO", address),
            ("ALERT_MAIL_FROM", unquote(server.username or "") if "@" in (server.username or "") else address),
            ("SMTP_HOST", server.hostname or ""),
            ("SMTP_PORT", str(server.port or 587)),
            ("SMTP_SECURITY", _security(server.port, bool(server.password))),
            ("SMTP_USERNAME", unquote(server.username or "")),
            ("SMTP_PASSWORD", unquote(server.password or "")),
        ),
    )


def _security(port: int | None, has_password: bool) -> str:
    if port == 465:
        return "tls"
    return "starttls" if has_password or port in (None, 587) else "none"


def _keep(home: Home, channel: Channel) -> None:
    for name, value in channel.secrets:
        if value:
            home.vault.put(name, Secret(value))


@contextmanager
def _state(home: Home) -> Iterator[None]:
    """Have the state database for a moment: the running one, or our own, started and stopped again."""
    own = None
    if not os.environ.get("NIGRANI_DATABASE_URL") and not standing.is_held(home):
        click.echo("\nMaking the state database …")
        own = postgres.start(home)
    try:
        app.set_up(home)
        app.migrate_state()
        yield
    finally:
        if own is not None:
            from django.db import connection

            connection.close()
            own.send_signal(signal.SIGINT)
            own.wait(30)


def _told(home: Home) -> bool:
    """Send the test message through every receiver that is set up. Returns whether all arrived."""
    from nigrani import schedule

    guide: Guide = schedule.load_guide(home)
    ready = [receiver for receiver in guide.receivers.values() if receiver.is_set_up]
    if not ready:
        click.echo("   No receiver of the guide is set up by this channel. See: nigrani guide show")
        return False
    arrived = [_delivered(guide, receiver.name, receiver.title) for receiver in ready]
    return all(arrived)


def _delivered(guide: Guide, name: str, title: str) -> bool:
    from nigrani.outbox import actions

    try:
        receipt = actions.send_test(guide, name, now=clock.now())
    except SourceError as error:
        click.echo(f"   The test message to {title} did not arrive: {error}")
        return False
    click.echo(f"   A test message was delivered to {title}{f' ({receipt.answer})' if receipt.answer else ''}.")
    return True


def _invite(email: str) -> None:
    from nigrani.access import people, queries

    if queries.anybody():
        click.echo("   Somebody can sign in already. Invite others with: nigrani person invite")
        return
    token = people.invite("admin", by="nigrani init", now=clock.now())
    whose = f" for {email}" if email else ""
    click.echo(f"\nThe first sign-in{whose}, by this link, once and within 24 hours:")
    click.echo(f"   {links.link(links.console(), 'welcome', token=token)}")
