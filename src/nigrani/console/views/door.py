"""Signing in and out, and the page behind an invitation."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, logout, update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from nigrani.access import people, queries
from nigrani.access.models import Person, Role
from nigrani.access.origin import address_of
from nigrani.access.roles import PersonRequest, needs
from nigrani.console.context import THEMES
from nigrani.lib import clock
from nigrani.lib.errors import NigraniError

_BACKEND = "django.contrib.auth.backends.ModelBackend"
_YEAR_S = 365 * 24 * 3600


def safe_next(request: HttpRequest, wanted: str) -> str:
    """Return `wanted` if it is a page of ours, else the overview: a sign-in never leads elsewhere."""
    allowed = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if allowed and wanted.startswith("/") else "/"


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Ask for e-mail address and password; on success start a new session."""
    wanted = safe_next(request, request.POST.get("next") or request.GET.get("next") or "/")
    if isinstance(request.user, Person):
        return redirect(wanted)
    context: dict[str, object] = {"next": wanted, "email": ""}
    if request.method == "POST":
        email = request.POST.get("email", "").replace("\x00", "")[:254]
        try:
            person = people.sign_in(email, request.POST.get("password", ""), ip=address_of(request), now=clock.now())
        except people.NotSignedIn as refused:
            status = 429 if isinstance(refused, people.TooMany) else 401
            return render(request, "console/login.html", context | {"email": email, "error": refused}, status=status)
        login(request, person, backend=_BACKEND)
        return redirect(wanted)
    return render(request, "console/login.html", context | {"is_empty": not queries.anybody()})


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    if isinstance(request.user, Person):
        people.sign_out(request.user, now=clock.now())
    logout(request)
    return redirect("login")


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def welcome(request: HttpRequest, token: str) -> HttpResponse:
    """Let an invited person choose a name and a password. Looking at the page does not use the invitation up."""
    found = people.find_invite(token, now=clock.now())
    if found is None:
        return render(request, "console/welcome_over.html", status=410)
    if found.person:
        return _welcome_again(request, token, found.person)
    typed = {key: request.POST.get(key, "").replace("\x00", "") for key in ("email", "name")}
    if request.method != "POST":
        return render(request, "console/welcome.html", {"role": found.get_role_display()})
    try:
        person = people.accept(
            token, typed["email"], typed["name"][:100], request.POST.get("password", ""), now=clock.now()
        )
    except NigraniError as error:
        context = typed | {"role": found.get_role_display(), "error": error}
        return render(request, "console/welcome.html", context, status=422)
    logout(request)
    login(request, person, backend=_BACKEND)
    messages.success(request, f"Welcome, {person.name}.")
    return redirect("overview")


def _welcome_again(request: HttpRequest, token: str, person: Person) -> HttpResponse:
    """Let somebody who is here already choose a new password."""
    context: dict[str, object] = {"person": person}
    if request.method != "POST":
        return render(request, "console/welcome_again.html", context)
    try:
        person = people.accept_again(token, request.POST.get("password", ""), now=clock.now())
    except NigraniError as error:
        return render(request, "console/welcome_again.html", context | {"error": error}, status=422)
    logout(request)
    login(request, person, backend=_BACKEND)
    messages.success(request, "Your password is new. You are signed out everywhere else.")
    return redirect("overview")


@sensitive_post_parameters("current", "new")
@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.VIEWER)
def password(request: PersonRequest) -> HttpResponse:
    """Ask for the current password and another one; this session goes on, the person's others end."""
    if request.method != "POST":
        return render(request, "console/password.html")
    current, new = request.POST.get("current", ""), request.POST.get("new", "")
    try:
        people.change_password(request.user, current, new, ip=address_of(request), now=clock.now())
    except NigraniError as error:
        status = 429 if isinstance(error, people.TooMany) else 422
        return render(request, "console/password.html", {"error": error}, status=status)
    update_session_auth_hash(request, request.user)
    messages.success(request, "Your password is changed. You are signed out everywhere else.")
    return redirect("overview")


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keep light, dark or the system's choice in a cookie."""
    response = redirect(safe_next(request, request.POST.get("next", "/")))
    chosen = request.POST.get("theme", "")
    if chosen in THEMES:
        response.set_cookie(
            "nigrani_theme", chosen, max_age=_YEAR_S, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE
        )
    else:
        response.delete_cookie("nigrani_theme")
    return response
