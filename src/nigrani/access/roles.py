"""A door before a view: who is not signed in is sent to sign in, who may not is told so."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from .models import Person, Role

Params = ParamSpec("Params")
Answer = TypeVar("Answer", bound=HttpResponseBase)


class PersonRequest(HttpRequest):
    """A request of somebody who is signed in."""

    user: Person  # the door below lets no other in


def needs(
    role: Role,
) -> Callable[
    [Callable[Concatenate[PersonRequest, Params], HttpResponse]],
    Callable[Concatenate[HttpRequest, Params], HttpResponse],
]:
    """Let only persons with the role, or a greater one, into a view.

    A POST by somebody signed out leads back to the overview after sign-in, since a form can't be sent again.
    """

    def door(
        view: Callable[Concatenate[PersonRequest, Params], HttpResponse],
    ) -> Callable[Concatenate[HttpRequest, Params], HttpResponse]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: Params.args, **kwargs: Params.kwargs) -> HttpResponse:
            if not isinstance(request.user, Person):
                return redirect_to_login(request.get_full_path() if request.method in ("GET", "HEAD") else "/")
            if not request.user.may(role):
                raise PermissionDenied(f"This needs the role {role.label}.")
            return view(request, *args, **kwargs)  # type: ignore[arg-type]  # checked above: a PersonRequest

        return guarded

    return door
