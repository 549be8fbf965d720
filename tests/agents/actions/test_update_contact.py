"""Changing a contact."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from agents.actions import ActionFailed
from crm.models import Contact, Workspace
from tests.agents.scenes import perform, problems, scene
from tests.conftest import MakeMember
from triggers.models import Event


@pytest.fixture
def ann(acme: Workspace) -> Contact:
    return Contact.objects.create(
        workspace=acme,
        first_name="Ann",
        email="ann@example.org",
        title="CEO",
        custom={"tier": "silver", "old": 1},
    )


def test_changes_the_contact_of_the_event_and_the_crm_tells_it(
    acme: Workspace, ann: Contact
) -> None:
    where = scene(acme, contact={"id": str(ann.pk)})
    output = perform(
        "update_contact", where, title="CEO (VIP)", custom={"tier": "gold", "old": None}
    )
    ann.refresh_from_db()
    assert (ann.title, ann.custom, ann.first_name) == ("CEO (VIP)", {"tier": "gold"}, "Ann")
    assert output["contact_id"] == str(ann.pk)
    assert output["changes"]["title"] == ["CEO", "CEO (VIP)"]
    assert Event.objects.filter(type="contact_updated").count() == 1


def test_nothing_to_change_is_no_event(acme: Workspace, ann: Contact) -> None:
    output = perform("update_contact", scene(acme, contact={"id": str(ann.pk)}), title="CEO")
    assert output["changes"] == {}
    assert not Event.objects.filter(type="contact_updated").exists()


def test_another_contact_by_its_id(acme: Workspace, ann: Contact) -> None:
    bob = Contact.objects.create(workspace=acme, first_name="Bob")
    perform(
        "update_contact",
        scene(acme, contact={"id": str(ann.pk)}),
        contact_id=str(bob.pk),
        phone=5551234,
    )
    bob.refresh_from_db()
    assert bob.phone == "5551234"


def test_the_owner_is_a_member(
    acme: Workspace, ann: Contact, member: MakeMember, other: Workspace
) -> None:
    bob, eve = member("bob"), member("eve", workspace=other)
    where = scene(acme, contact={"id": str(ann.pk)})
    perform("update_contact", where, owner="BOB@example.org")
    ann.refresh_from_db()
    assert ann.owner == bob
    with pytest.raises(ActionFailed, match="nobody in this workspace"):
        perform("update_contact", where, owner=eve.username)
    perform("update_contact", where, owner="")
    ann.refresh_from_db()
    assert ann.owner is None


def test_a_contact_of_another_workspace_does_not_exist(acme: Workspace, other: Workspace) -> None:
    theirs = Contact.objects.create(workspace=other, first_name="Eve", title="CEO")
    for where, params in (
        (scene(acme), {"contact_id": str(theirs.pk)}),
        (scene(acme, contact={"id": str(theirs.pk)}), {}),
    ):
        with pytest.raises(ActionFailed, match="There is no contact"):
            perform("update_contact", where, title="hacked", **params)
    theirs.refresh_from_db()
    assert theirs.title == "CEO"


@pytest.mark.parametrize(
    "params, message",
    [
        ({"email": "nonsense"}, "email: .*valid email"),
        ({"title": "x" * 201}, "title: .*200"),
        ({"title": {"a": 1}}, "title is a text, not an object"),
        ({"custom": "text"}, "custom is an object"),
        ({"contact_id": "nonsense"}, "contact_id is an id"),
        ({"contact_id": str(uuid.uuid4())}, "There is no contact"),
        ({"email": "bob@example.org"}, "exists already"),
        ({"email": "BOB@EXAMPLE.ORG"}, "exists already"),
    ],
)
def test_what_does_not_fit_fails_in_words(
    acme: Workspace, ann: Contact, params: dict[str, Any], message: str
) -> None:
    Contact.objects.create(workspace=acme, email="bob@example.org")
    with pytest.raises(ActionFailed, match=message):
        perform("update_contact", scene(acme, contact={"id": str(ann.pk)}), **params)
    ann.refresh_from_db()
    assert (ann.title, ann.email) == ("CEO", "ann@example.org")


def test_no_contact_at_all(acme: Workspace) -> None:
    with pytest.raises(ActionFailed, match="Which contact"):
        perform("update_contact", scene(acme), title="x")


def test_a_step_without_a_field_is_refused_on_save(acme: Workspace) -> None:
    assert "" in problems("update_contact", acme, contact_id="@event.contact_id")
    assert not problems("update_contact", acme, title="x")
