"""The history of a row is its part of the trail, whoever wrote it."""

from __future__ import annotations

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from crm.models import Contact, Role, Workspace
from executions.models import AuditEntry
from tests.conftest import MakeMember
from tests.executions.admin.conftest import EVIL, Login, Things
from tests.executions.admin.pages import drawn_values, url


def test_buttons_and_changes_stand_there(ann: Client, things: Things, acme: Workspace) -> None:
    ann.post(url(Workspace, "pause", acme.pk))
    page = ann.get(url(Workspace, "history", acme.pk))
    assert [entry.verb for entry, _ in page.context["entries"]] == ["pause"]
    contact = things[Contact]
    sent = drawn_values(ann.get(url(Contact, "change", contact.pk)).text)
    ann.post(url(Contact, "change", contact.pk), sent | {"title": EVIL})
    text = ann.get(url(Contact, "history", contact.pk)).text
    assert "title" in text
    assert EVIL not in text


def test_of_this_row_only(ann: Client, things: Things, foreign: Things, acme: Workspace) -> None:
    contact = things[Contact]
    about = {"actor": "x", "verb": "update", "target_type": "contact"}
    AuditEntry.objects.create(workspace=acme, target_id=str(contact.pk), **about)
    AuditEntry.objects.create(workspace=foreign[Workspace], target_id=str(contact.pk), **about)  # type: ignore[misc]
    AuditEntry.objects.create(workspace=acme, target_id=str(foreign[Contact].pk), **about)
    assert len(ann.get(url(Contact, "history", contact.pk)).context["entries"]) == 1


def test_a_person_asks_for_it_with_few_queries(
    ann: Client, things: Things, acme: Workspace
) -> None:
    contact = things[Contact]
    for _ in range(50):
        AuditEntry.objects.create(
            workspace=acme,
            actor="x",
            verb="update",
            target_type="contact",
            target_id=str(contact.pk),
        )
    with CaptureQueriesContext(
        connection,
    ) as asked:
        ann.get(url(Contact, "history", contact.pk))
    assert len(asked) <= 8


def test_editors_see_who_changed_what(
    member: MakeMember, login: Login, ann: Client, things: Things
) -> None:
    contact = things[Contact]
    sent = drawn_values(ann.get(url(Contact, "change", contact.pk)).text)
    ann.post(url(Contact, "change", contact.pk), sent | {"title": "CEO"})
    editor = login(member("ed", role=Role.EDITOR))
    page = editor.get(url(Contact, "history", contact.pk))
    assert [entry.verb for entry, _ in page.context["entries"]] == ["update"]
