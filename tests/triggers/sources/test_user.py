from __future__ import annotations

from django.contrib.auth.models import User
from django.test import Client

from crm.models import Membership, Role, Workspace
from triggers import events
from triggers.models import Event


def test_a_login_is_told_in_each_workspace(acme: Workspace, other: Workspace, owner: User) -> None:
    Membership.objects.create(workspace=other, user=owner, role=Role.VIEWER)
    Client().force_login(owner)
    first, second = Event.objects.filter(type="user.login").order_by("id")
    assert (first.workspace_id, second.workspace_id) == (acme.pk, other.pk)
    assert first.payload["user"] == {
        "id": owner.pk, "username": "ann", "email": "ann@example.org", "first_name": "", "last_name": "",
    }  # fmt: skip
    assert (first.payload["role"], second.payload["role"]) == ("owner", "viewer")
    assert first.actor == f"user:{owner.pk}"


def test_a_login_without_a_workspace_is_not_told(db: None) -> None:
    Client().force_login(User.objects.create_user("nobody"))
    assert not Event.objects.exists()


def test_a_changed_role_is_told(acme: Workspace, owner: User) -> None:
    membership = Membership.objects.get()
    membership.role = Role.EDITOR
    with events.acting_as("user:7"):
        membership.save()
    event = Event.objects.get()
    assert (event.type, event.workspace_id) == ("user.role_changed", acme.pk)
    assert event.payload["user"]["username"] == "ann"
    assert (event.payload["previous_role"], event.payload["new_role"]) == ("owner", "editor")
    assert event.payload["triggered_by"] == "7"
    membership.save()
    assert Event.objects.count() == 1
    Membership.objects.update(role=Role.ADMIN)
    assert Event.objects.count() == 2
