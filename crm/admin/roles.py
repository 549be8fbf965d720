"""Which workspaces a person may see and change in the admin."""

from __future__ import annotations

import uuid
from typing import Any, cast

from django.db import models
from django.http import HttpRequest

from crm.models import Membership, Role, Workspace

RANKS = {Role.VIEWER: 0, Role.EDITOR: 1, Role.ADMIN: 2, Role.OWNER: 3}


def roles(request: HttpRequest) -> dict[uuid.UUID, Role]:
    """The role in each own workspace; read once per request."""
    if not hasattr(request, "_admin_roles"):
        rows = Membership.objects.filter(user_id=request.user.pk or 0).values_list(
            "workspace_id", "role"
        )
        request._admin_roles = {pk: Role(role) for pk, role in rows}  # type: ignore[attr-defined]
    return cast("dict[uuid.UUID, Role]", request._admin_roles)  # type: ignore[attr-defined]


def sees_all(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))


def has_role(request: HttpRequest, role: Role, *, workspace_id: uuid.UUID | None = None) -> bool:
    """Whether the person has at least this role in the workspace, or, without one, in any."""
    if sees_all(request):
        return True
    held = roles(request)
    asked = (
        held.values()
        if workspace_id is None
        else [held[workspace_id]]
        if workspace_id in held
        else []
    )
    return any(RANKS[one] >= RANKS[role] for one in asked)


def workspaces(request: HttpRequest, role: Role = Role.VIEWER) -> models.QuerySet[Workspace]:
    """Where the person has at least this role; every workspace of people for superusers."""
    if sees_all(request):
        return Workspace.objects.visible()
    ids = [pk for pk, held in roles(request).items() if RANKS[held] >= RANKS[role]]
    return Workspace.objects.filter(pk__in=ids)


def has_several(request: HttpRequest) -> bool:
    """Whether a list has to say which workspace a row belongs to."""
    return sees_all(request) or len(roles(request)) > 1


def in_workspaces(request: HttpRequest, path: str) -> dict[str, Any]:
    """Filter arguments that keep a query within the person's workspaces; `path` leads to the workspace."""
    mine = Workspace.objects.visible() if sees_all(request) else list(roles(request))
    return {f"{path}__in": mine}
