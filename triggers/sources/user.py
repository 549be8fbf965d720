"""Events of people: somebody logged in, somebody's role in a workspace changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import AbstractUser, User
from django.contrib.auth.signals import user_logged_in
from django.db.models.signals import post_save
from django.dispatch import receiver

from crm.models import Membership
from crm.signals import rows_changed
from triggers import event_types, events
from triggers.events import Draft

_TEXT = {"type": "string"}
_USER = {
    "type": "object",
    "title": "User",
    "properties": {
        "id": {"type": "integer", "title": "User id"},
        "username": {**_TEXT, "title": "User name"},
        "email": {**_TEXT, "title": "E-mail", "format": "email"},
        "first_name": {**_TEXT, "title": "First name"},
        "last_name": {**_TEXT, "title": "Last name"},
    },
    "required": ["id", "username", "email", "first_name", "last_name"],
}
_SAMPLE_USER = {
    "id": 1,
    "username": "ann",
    "email": "ann@example.org",
    "first_name": "Ann",
    "last_name": "Example",
}
_TRIGGERED_BY = {**_TEXT, "title": "Triggered by"}

LOGIN = event_types.register(
    "user.login",
    label="User logged in",
    schema={
        "type": "object",
        "properties": {
            "user": _USER,
            "role": {**_TEXT, "title": "Role"},
            "triggered_by": _TRIGGERED_BY,
        },
        "required": ["user", "role", "triggered_by"],
    },
    sample={"user": _SAMPLE_USER, "role": "editor", "triggered_by": "1"},
    source="user",
    group="People",
)
ROLE_CHANGED = event_types.register(
    "user.role_changed",
    label="User's role changed",
    schema={
        "type": "object",
        "properties": {
            "user": _USER,
            "previous_role": {**_TEXT, "title": "Previous role"},
            "new_role": {**_TEXT, "title": "New role"},
            "triggered_by": _TRIGGERED_BY,
        },
        "required": ["user", "previous_role", "new_role", "triggered_by"],
    },
    sample={
        "user": _SAMPLE_USER,
        "previous_role": "viewer",
        "new_role": "editor",
        "triggered_by": "1",
    },
    source="user",
    group="People",
)


@receiver(user_logged_in, dispatch_uid="triggers.user_logged_in")
def logged_in(user: AbstractUser, **_: Any) -> None:
    """One event in each workspace that the user belongs to."""
    memberships = Membership.objects.filter(user_id=user.pk).order_by("created_at")
    events.emit_many(
        [
            Draft(
                LOGIN,
                membership.workspace_id,
                {"user": _fields_of(user), "role": membership.role, "triggered_by": str(user.pk)},
                subject=f"user:{user.pk}",
                actor=f"user:{user.pk}",
            )
            for membership in memberships
        ]
    )


@receiver(post_save, sender=Membership, dispatch_uid="triggers.membership_saved")
def membership_saved(instance: Membership, *, raw: bool, **_: Any) -> None:
    if not raw:
        _role_changed([instance])


@receiver(rows_changed, sender=Membership, dispatch_uid="triggers.memberships_changed")
def memberships_changed(kind: str, rows: Sequence[Membership], **_: Any) -> None:
    if kind == "updated":
        _role_changed(rows)


def _role_changed(memberships: Sequence[Membership]) -> None:
    events.emit_many(of_roles(memberships, by=events.current_actor().removeprefix("user:")))


def of_roles(memberships: Sequence[Membership], *, by: str) -> list[Draft]:
    """One draft for each whose role changed, none for people who are gone. One query at most."""
    changed = [membership for membership in memberships if "role" in membership.changes()]
    users = User.objects.in_bulk([membership.user_id for membership in changed]) if changed else {}
    drafts = []
    for membership in changed:
        if membership.user_id not in users:
            continue
        old, new = membership.changes()["role"]
        payload = {
            "user": _fields_of(users[membership.user_id]),
            "previous_role": old,
            "new_role": new,
            "triggered_by": by,
        }
        subject = f"user:{membership.user_id}"
        drafts.append(Draft(ROLE_CHANGED, membership.workspace_id, payload, subject=subject))
    return drafts


def _fields_of(user: AbstractUser) -> dict[str, Any]:
    return {name: getattr(user, name) for name in _SAMPLE_USER}
