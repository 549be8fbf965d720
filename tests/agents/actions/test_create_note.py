"""Writing a note."""

from __future__ import annotations

import pytest

from agents.actions import ActionFailed
from crm.models import Contact, Note, Opportunity, Workspace
from tests.agents.scenes import perform, scene


def test_is_about_the_contact_and_the_deal_of_the_event(acme: Workspace) -> None:
    ann = Contact.objects.create(workspace=acme, first_name="Ann")
    roof = Opportunity.objects.create(workspace=acme, name="Roof", contact=ann)
    where = scene(acme, contact={"id": str(ann.pk)}, deal={"id": str(roof.pk)})
    output = perform("create_note", where, text=" Called. ")
    note = Note.objects.get()
    assert (note.workspace, note.text, note.contact, note.opportunity) == (
        acme,
        "Called.",
        ann,
        roof,
    )
    assert output == {"note_id": str(note.pk), "contact_id": str(ann.pk), "deal_id": str(roof.pk)}


def test_a_deal_whose_contact_is_gone_still_gets_its_note(acme: Workspace) -> None:
    ann = Contact.objects.create(workspace=acme, first_name="Ann")
    roof = Opportunity.objects.create(workspace=acme, name="Roof")
    where = scene(acme, contact={"id": str(ann.pk)}, deal={"id": str(roof.pk)})
    ann.delete()
    assert perform("create_note", where, text="x")["contact_id"] is None


def test_about_nothing_or_about_somebody_elses(acme: Workspace, other: Workspace) -> None:
    theirs = Contact.objects.create(workspace=other, first_name="Eve")
    with pytest.raises(ActionFailed, match="about what"):
        perform("create_note", scene(acme), text="x")
    with pytest.raises(ActionFailed, match="There is no contact"):
        perform("create_note", scene(acme), text="x", contact_id=str(theirs.pk))
    with pytest.raises(ActionFailed, match="text is empty"):
        perform("create_note", scene(acme, contact={"id": str(theirs.pk)}), text="  ")
    assert not Note.objects.exists()
