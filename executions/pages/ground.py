"""What every page stands on: a member of a workspace, in that workspace's timezone; everybody else is shown the way.

A page is a template `pages/<name>.html` that includes `pages/<name>_live.html`. Asked with `?fragment=live`, only the
latter is rendered: the browser asks for it when news arrive, so that the page always shows the database.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from config.lib import errors
from crm import access
from crm.models import Membership, Workspace

P = ParamSpec("P")


class PageRequest(HttpRequest):
    """A request that `page` has let through."""

    user: User
    membership: Membership
    workspace: Workspace
    scopes: frozenset[str]


PageView = Callable[Concatenate[PageRequest, P], HttpResponse]


def page(
    scope: str = "read", *, methods: Collection[str] = ("GET", "HEAD")
) -> Callable[[PageView[P]], Callable[Concatenate[HttpRequest, P], HttpResponse]]:
    """Decorates a view that needs a login, a workspace and in it the scope."""

    def decorate(view: PageView[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
        @wraps(view)
        def answer(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if request.method not in methods:
                return HttpResponseNotAllowed(list(methods))
            if not request.user.is_authenticated:
                return _ask_to_log_in(request)
            entered = _enter(request)
            if entered is None:
                return render(request, "pages/no_workspace.html", status=403)
            if scope not in entered.scopes:
                message = (
                    f"Your role in this workspace ({entered.membership.role}) does not allow this."
                )
                return errors.answer(request, status=403, code="permission_denied", message=message)
            with timezone.override(ZoneInfo(entered.workspace.timezone)):
                return view(entered, *args, **kwargs)

        return answer

    return decorate


def action(
    scope: str,
) -> Callable[[PageView[P]], Callable[Concatenate[HttpRequest, P], HttpResponse]]:
    """Decorates a view that changes something: POST only."""
    return page(scope, methods=("POST",))


def show(request: PageRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    """The page `name`, or its live part where only that is asked for."""
    context["scopes"] = request.scopes
    if request.GET.get("fragment") == "live":
        response = render(request, f"pages/{name}_live.html", context)
    else:
        context["workspaces"] = workspaces_of(request.user)
        context["shows_mail"] = settings.EMAIL_BACKEND.endswith("filebased.EmailBackend")
        response = render(request, f"pages/{name}.html", context)
    response["Cache-Control"] = "no-store"
    return response


def workspaces_of(user: User) -> list[Workspace]:
    return list(Workspace.objects.filter(memberships__user=user).order_by("name")[:50])


def back(request: PageRequest, *, fallback: str) -> HttpResponse:
    """To the page that the button was on."""
    target = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(target, allowed_hosts=None):
        target = fallback
    return redirect(target)


def uuid_or_none(text: str | None) -> uuid.UUID | None:
    """What a query string says; None where it is no id."""
    try:
        return uuid.UUID(text) if text else None
    except ValueError:
        return None


def _ask_to_log_in(request: HttpRequest) -> HttpResponse:
    if "fragment" in request.GET:  # a page that was open when the session ended
        return HttpResponse(status=401)
    return redirect_to_login(request.get_full_path())


def _enter(request: HttpRequest) -> PageRequest | None:
    membership = access.membership_of(request) or _first_membership(request)
    if membership is None:
        return None
    request.membership = membership  # type: ignore[attr-defined]
    request.workspace = membership.workspace  # type: ignore[attr-defined]
    request.scopes = access.ROLE_SCOPES[membership.role]  # type: ignore[attr-defined]
    return request  # type: ignore[return-value]  # it has all that a PageRequest has now


def _first_membership(request: HttpRequest) -> Membership | None:
    """Of several workspaces, until the person has chosen one; remembered, so that REST and websocket agree."""
    mine = Membership.objects.filter(user=request.user.pk).select_related("workspace")
    membership = mine.order_by("workspace__name").first()
    if membership:
        request.session[access.SESSION_KEY] = membership.workspace.slug
    return membership
