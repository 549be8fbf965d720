"""Who may do what in which workspace.

A request acts in one workspace: a token's own, or, in a session, the one that `X-Workspace` names, the one chosen on
the dashboard, or the only one that the user belongs to. What it may do there are its scopes: those of the user's role,
and for a token only those that it was given.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject
from rest_framework import authentication, exceptions, permissions
from rest_framework.request import Request

from config.lib import actors, secrets
from crm.models import SCOPES, ApiToken, Membership, Role

if TYPE_CHECKING:  # importing views here would be a circle: settings name this module
    from rest_framework.views import APIView

SESSION_KEY = "workspace"  # in the session: the slug of the workspace that the dashboard shows
ALL_SCOPES = frozenset(SCOPES)
ROLE_SCOPES: dict[str, frozenset[str]] = {
    Role.OWNER: ALL_SCOPES,
    Role.ADMIN: ALL_SCOPES,
    Role.EDITOR: frozenset({"read", "write", "run", "replay"}),
    Role.VIEWER: frozenset({"read"}),
}
REFUSED = "This token is unknown, expired or revoked."
_SLUG = re.compile(r"[-a-zA-Z0-9_]{1,50}\Z")
_SEEN_EVERY = dt.timedelta(minutes=1)


class TokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer <token>`. Where the header is there, cookies are not looked at."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        header = authentication.get_authorization_header(request)
        if not header:
            return None
        scheme, _, secret = header.partition(b" ")
        if scheme.lower() != b"bearer" or not secret.strip():
            raise exceptions.AuthenticationFailed("Send `Authorization: Bearer <token>`.")
        token = _usable_token(secret.strip().decode("latin-1"))
        membership = _membership(token.user, workspace_id=token.workspace_id)
        if membership is None:
            raise exceptions.AuthenticationFailed(REFUSED)
        named = request.headers.get("X-Workspace")
        if named and named != token.workspace.slug:
            raise exceptions.PermissionDenied(
                "This token belongs to another workspace than X-Workspace names."
            )
        _enter(request, membership, scopes=frozenset(token.scopes))
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="triggerfish"'


def _usable_token(secret: str) -> ApiToken:
    """The token, its user and workspace, in one query; all that is wrong with it gets one answer."""
    now = dt.datetime.now(dt.UTC)
    token = (
        ApiToken.objects.select_related("user", "workspace")
        .filter(digest=secrets.digest(secret))
        .first()
    )
    if token is None or not token.is_usable(now) or not token.user.is_active:
        raise exceptions.AuthenticationFailed(REFUSED)
    if token.last_used_at is None or token.last_used_at < now - _SEEN_EVERY:
        unseen = Q(last_used_at=None) | Q(last_used_at__lt=now - _SEEN_EVERY)
        ApiToken.objects.filter(unseen, pk=token.pk).update(last_used_at=now)
    return token


class SessionAuthentication(authentication.SessionAuthentication):
    """The login of the pages, with CSRF; which workspace is said in the module's docstring."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        found = super().authenticate(request)
        if found is not None:
            membership = membership_of(request._request)
            if membership is not None:
                _enter(request, membership, scopes=ALL_SCOPES)
        return found


def _enter(request: Request, membership: Membership, *, scopes: frozenset[str]) -> None:
    """From here on the request acts in this workspace, as this user, with at most these scopes."""
    inner = request._request
    inner.membership = membership  # type: ignore[attr-defined]  # ours, on the request that everybody shares
    inner.workspace = membership.workspace  # type: ignore[attr-defined]
    inner.scopes = scopes & ROLE_SCOPES[membership.role]  # type: ignore[attr-defined]
    actors.set_actor(f"user:{membership.user_id}")


def membership_of(request: HttpRequest) -> Membership | None:
    """The Membership that a session acts through; None where it is nobody's, or where one of several must be named."""
    user = request.user
    if not user.is_authenticated:
        return None
    if named := request.headers.get("X-Workspace"):
        return _membership(user, workspace__slug=named) if _SLUG.match(named) else None
    chosen = request.session.get(SESSION_KEY) if hasattr(request, "session") else None
    if chosen and (membership := _membership(user, workspace__slug=str(chosen))):
        return membership
    return _only_membership(user)


def _membership(user: User, **where: Any) -> Membership | None:
    return Membership.objects.select_related("workspace").filter(user=user, **where).first()


def _only_membership(user: User) -> Membership | None:
    found = list(Membership.objects.select_related("workspace").filter(user=user)[:2])
    return found[0] if len(found) == 1 else None


def scopes_of(request: HttpRequest | Request) -> frozenset[str]:
    """What this request may do; nothing where it acts in no workspace."""
    scopes: frozenset[str] = getattr(request, "scopes", frozenset())
    return scopes


class HasWorkspaceScope(permissions.BasePermission):
    """A view says in `scopes = {"list": "read", "run": "run"}` what each action (or method, in lower case) needs.

    Unsaid: `read` for GET, else `write`.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not request.user.is_authenticated:
            return False
        if not getattr(
            request._request, "membership", None
        ):  # of a page it is lazy, and never None
            raise exceptions.PermissionDenied(
                "Name one of your workspaces in the header X-Workspace, by its slug."
            )
        needed = scope_needed(view, method=request.method or "GET")
        if needed not in scopes_of(request._request):
            raise exceptions.PermissionDenied(f"This needs the scope `{needed}`.")
        return True


def scope_needed(view: APIView, *, method: str) -> str:
    """One of SCOPES; `HasWorkspaceScope` has the rule."""
    scopes: dict[str, str] = getattr(view, "scopes", {})
    action = getattr(view, "action", None) or method.lower()
    default = "read" if method in permissions.SAFE_METHODS else "write"
    return scopes.get(action, scopes.get(method.lower(), default))


class WorkspaceMiddleware:
    """Gives pages `request.membership` and `request.workspace`, lazy, falsy where there is none; names the actor.

    The actor ends with the request, also the one that the REST authentication sets.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.membership = SimpleLazyObject(partial(membership_of, request))  # type: ignore[attr-defined]
        request.workspace = SimpleLazyObject(  # type: ignore[attr-defined]
            lambda: getattr(request.membership, "workspace", None)  # type: ignore[attr-defined]
        )
        with actors.acting_as(partial(_actor_of, request)):
            return self.get_response(request)


def _actor_of(request: HttpRequest) -> str:
    user: User | AnonymousUser = request.user
    return f"user:{user.pk}" if user.is_authenticated else ""
