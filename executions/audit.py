"""The trail: every management action, told by `config.lib.audit.record`, is one row that nobody can change."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import models
from django.dispatch import receiver
from django.http import HttpRequest

from config.lib import audit, json, secrets, throttle
from crm.models import Workspace
from crm.models.workspace import display_name
from executions.models import AuditEntry

Values = dict[str, Any] | None
MOST = 200  # of one row's history on a page


@receiver(audit.managed, dispatch_uid="executions.audit")
def managed(
    *,
    request: HttpRequest | None,
    verb: str,
    target: models.Model,
    before: Values,
    after: Values,
    **_: Any,
) -> None:
    user = _user(request)
    before, after = _changed(before, after)
    AuditEntry.objects.create(
        workspace_id=_workspace_id(request, target),
        user=user,
        actor=_actor(request, user),
        verb=verb,
        target_type=target._meta.model_name or "",
        target_id=str(target.pk),
        target_name=json.sanitise(str(target))[:255],
        before=_storable(before),
        after=_storable(after),
        remote_addr=throttle.address(request) if request else None,
        request_id=getattr(request, "request_id", ""),
    )


@receiver(audit.asked, dispatch_uid="executions.audit.asked")
def asked(*, target: models.Model, **_: Any) -> list[AuditEntry]:
    """The newest rows about the target. Uses index audit_target."""
    workspace_id = _workspace_id(None, target)
    about = AuditEntry.objects.filter(
        target_type=target._meta.model_name or "",
        target_id=str(target.pk),
        workspace_id=workspace_id,
    )
    return list(about.order_by("-id")[:MOST])


def _user(request: HttpRequest | None) -> Any:
    user = getattr(request, "user", None)
    return user if user is not None and user.is_authenticated else None


def _actor(request: HttpRequest | None, user: AbstractBaseUser | None) -> str:
    """`ann`, `ann, token CI (…x9Qz)`, or `system` where nobody asked for it."""
    if user is None:
        return "system"
    token = getattr(request, "auth", None)
    who = display_name(user)
    return (f"{who}, token {token}" if token else who)[:200]


def _workspace_id(request: HttpRequest | None, target: models.Model) -> Any:
    if isinstance(target, Workspace):
        return target.pk
    own = getattr(target, "workspace_id", None)
    return own or getattr(getattr(request, "workspace", None), "pk", None)


def _changed(before: Values, after: Values) -> tuple[Values, Values]:
    """Where both sides are known, only the fields that differ."""
    if before is None or after is None:
        return before, after
    names = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    return _only(before, names), _only(after, names)


def _only(values: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in names}


def _storable(values: Values) -> Any:
    return None if values is None else secrets.redact(json.sanitise(values))
