"""People, invitations and API tokens: for admins. New links and tokens are shown in the answer, once."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from nigrani.access import people, queries, tokens
from nigrani.access.models import ApiToken, Person, Role
from nigrani.access.roles import PersonRequest, needs
from nigrani.console.paging import Page
from nigrani.lib import clock
from nigrani.lib.errors import NigraniError


def _page(request: PersonRequest, *, status: int = 200, **more: object) -> HttpResponse:
    context = {
        "people": Page.of(queries.people(), request.GET.get("page", "")),
        "invites": queries.open_invites(clock.now()),
        "tokens": Page.of(queries.tokens(), request.GET.get("tokens", ""), param="tokens"),
        "roles": [(role.value, role.label) for role in Role],
    }
    return render(request, "console/people.html", context | more, status=status)


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError:
        raise NigraniError("There is no such role.", "Choose viewer, responder or admin.") from None


@require_safe
@needs(Role.ADMIN)
def index(request: PersonRequest) -> HttpResponse:
    """List people, open invitations and tokens."""
    return _page(request)


@require_POST
@needs(Role.ADMIN)
def invite(request: PersonRequest) -> HttpResponse:
    """Make a one-time link and show it."""
    try:
        token = people.invite(_role(request.POST.get("role", "")), by=request.user.email, now=clock.now())
    except NigraniError as error:
        return _page(request, status=422, error=error)
    return _page(request, link=request.build_absolute_uri(f"/welcome/{token}"))


@require_POST
@needs(Role.ADMIN)
def change_role(request: PersonRequest, number: int) -> HttpResponse:
    """Give somebody another role."""
    person = get_object_or_404(Person, pk=number)
    try:
        role = _role(request.POST.get("role", ""))
        people.change_role(person, role, by=request.user, now=clock.now())
    except NigraniError as error:
        return _page(request, status=422, error=error)
    messages.success(request, f"{person.name} is {role.label} now.")
    return redirect("people")


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMIN)
def take_away(request: PersonRequest, number: int) -> HttpResponse:
    """Ask, then end somebody's access."""
    person = get_object_or_404(Person, pk=number)
    if request.method != "POST":
        return render(
            request,
            "console/confirm.html",
            {
                "title": f"Take {person.name}'s access away?",
                "lines": [
                    f"{person.email} is signed out everywhere at once, and their API tokens stop working.",
                    "What they did stays in the ledger. You can give the access back.",
                ],
                "verb": "Take the access away",
                "back": "/people",
            },
        )
    try:
        people.take_away(person, by=request.user, now=clock.now())
    except NigraniError as error:
        return _page(request, status=422, error=error)
    messages.success(request, f"{person.name} has no access any more.")
    return redirect("people")


@require_POST
@needs(Role.ADMIN)
def give_back(request: PersonRequest, number: int) -> HttpResponse:
    """Let somebody in again."""
    person = get_object_or_404(Person, pk=number)
    people.give_back(person, by=request.user, now=clock.now())
    messages.success(request, f"{person.name} has access again.")
    return redirect("people")


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMIN)
def invite_again(request: PersonRequest, number: int) -> HttpResponse:
    """Ask, then make a link by which somebody chooses a new password, and show it."""
    person = get_object_or_404(Person, pk=number)
    if request.method != "POST":
        return render(
            request,
            "console/confirm.html",
            {
                "title": f"Make {person.name} a link for a new password?",
                "lines": [
                    f"Whoever opens the link signs in as {person.email}: hand it to nobody else.",
                    "It works once, within 24 hours. The old password works until the link is used.",
                    "Then the person's sessions end. Their API tokens go on; revoke those that may be known.",
                ],
                "verb": "Make the link",
                "back": "/people",
            },
        )
    try:
        token = people.invite_again(person, by=request.user.email, now=clock.now())
    except NigraniError as error:
        return _page(request, status=422, error=error)
    return _page(request, link=request.build_absolute_uri(f"/welcome/{token}"), link_for=person)


@require_POST
@needs(Role.ADMIN)
def make_token(request: PersonRequest) -> HttpResponse:
    """Make an API token and show it."""
    try:
        name = request.POST.get("name", "").replace("\x00", "")[:100]
        made = tokens.create(name, _role(request.POST.get("role", "")), by=request.user, now=clock.now())
    except NigraniError as error:
        return _page(request, status=422, error=error)
    return _page(request, token=made)


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMIN)
def revoke_token(request: PersonRequest, number: int) -> HttpResponse:
    """Ask, then end a token."""
    token = get_object_or_404(ApiToken.objects.select_related("person"), pk=number)
    if request.method != "POST":
        return render(
            request,
            "console/confirm.html",
            {
                "title": f"Revoke the token “{token.name}”?",
                "lines": [
                    f"It ends in …{token.ending} and speaks for {token.person.email}.",
                    "Whatever uses it is refused from the next request on. This can't be undone.",
                ],
                "verb": "Revoke the token",
                "back": "/people",
            },
        )
    tokens.revoke(token, by=request.user, now=clock.now())
    messages.success(request, f"The token “{token.name}” is revoked.")
    return redirect("people")
