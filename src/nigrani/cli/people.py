"""Persons, API tokens and the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nigrani.lib import clock, links
from nigrani.lib.errors import NigraniError

from .frame import FINDING, emit, json_option, show, with_state

if TYPE_CHECKING:
    from nigrani.access.models import Person

ROLES = click.Choice(["viewer", "responder", "admin"])


@click.group(invoke_without_command=True)
@click.pass_context
@json_option
def person(context: click.Context, as_json: bool) -> None:
    """People who may sign in: list them, invite one."""
    if context.invoked_subcommand is not None:
        return
    with_state()
    from nigrani.access import queries

    columns = {"email": "Mail", "name": "Name", "role": "Role", "is_active": "Active", "last_login": "Last sign-in"}
    show(
        queries.people(),
        columns,
        as_json=as_json,
        empty="Nobody yet. Invite the first: nigrani person invite --role admin",
    )


@person.command("invite")
@click.option("--role", type=ROLES, default="viewer", show_default=True)
@click.option("--console", help="The console's address.", show_default="NIGRANI_CONSOLE_URL, or where it listens")
@json_option
def person_invite(role: str, console: str | None, as_json: bool) -> None:
    """Print a one-time link with which a person makes their own account within 24 hours.

    \b
    nigrani person invite --role responder
    """
    with_state()
    from nigrani.access import people

    token = people.invite(role, by="command line", now=clock.now())
    address = links.link(console or links.console(), "welcome", token=token)
    emit({"link": address, "role": role}) if as_json else click.echo(address)


@person.command("reset")
@click.argument("email")
@click.option("--console", help="The console's address.", show_default="NIGRANI_CONSOLE_URL, or where it listens")
@json_option
def person_reset(email: str, console: str | None, as_json: bool) -> None:
    """Print a one-time link with which a person chooses a new password.

    \b
    nigrani person reset asha@example.in
    """
    with_state()
    from nigrani.access import people

    token = people.invite_again(_person(email), by="command line", now=clock.now())
    address = links.link(console or links.console(), "welcome", token=token)
    emit({"link": address}) if as_json else click.echo(address)


@click.group(invoke_without_command=True)
@click.pass_context
@json_option
def token(context: click.Context, as_json: bool) -> None:
    """API tokens: list, create, revoke."""
    if context.invoked_subcommand is not None:
        return
    with_state()
    from nigrani.access import queries

    columns = {"name": "Name", "ending": "Ends in", "email": "Of", "role": "Role", "last_used_at": "Last used"}
    show(queries.tokens(), columns, as_json=as_json, empty="No API tokens.")


@token.command("create")
@click.argument("name")
@click.option("--person", "email", required=True, help="Whose token it is: their mail address.")
@click.option("--role", type=ROLES, default="viewer", show_default=True, help="At most the person's own role.")
@json_option
def token_create(name: str, email: str, role: str, as_json: bool) -> None:
    """Make an API token and show it once.

    \b
    nigrani token create grafana --person asha@example.in
    """
    with_state()
    from nigrani.access import tokens

    made = tokens.create(name, role, by=_person(email), now=clock.now())
    emit({"token": made}) if as_json else click.echo(made)


@token.command("revoke")
@click.argument("name")
@click.option("--person", "email", required=True, help="Who revokes it: their mail address.")
def token_revoke(name: str, email: str) -> None:
    """Make an API token worthless at once."""
    with_state()
    from nigrani.access import tokens
    from nigrani.access.models import ApiToken

    found = ApiToken.objects.filter(name=name, revoked_at__isnull=True).first()
    if found is None:
        raise NigraniError(f"There is no live token named {name!r}.", "List them with: nigrani token")
    tokens.revoke(found, by=_person(email), now=clock.now())
    click.echo(f"Revoked {name}.")


def _person(email: str) -> Person:
    from nigrani.access.models import Person

    found = Person.objects.filter(email=email.lower(), is_active=True).first()
    if found is None:
        raise NigraniError(f"There is no active person {email!r}.", "List them with: nigrani person")
    return found


@click.group(invoke_without_command=True)
@click.pass_context
@json_option
def ledger(context: click.Context, as_json: bool) -> None:
    """The ledger: who did what. List its newest lines, or verify the whole chain."""
    if context.invoked_subcommand is not None:
        return
    with_state()
    from nigrani.access import queries

    columns = {"seq": "Line", "at": "When", "by": "Who", "action": "Did", "what": "What"}
    show(queries.ledger_lines(), columns, as_json=as_json, empty="The ledger is empty.")


@ledger.command("verify")
@json_option
def ledger_verify(as_json: bool) -> int:
    """Walk the chain and name the first line that was changed or is missing. Exits with 1 if one is."""
    with_state()
    from nigrani.access import ledger as book

    problem = book.verify()
    if as_json:
        emit({"ok": problem is None, "problem": problem})
    else:
        click.echo("The ledger is whole." if problem is None else f"Line {problem.seq}: {problem.because}")
    return 0 if problem is None else FINDING
