from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from crm.models import Contact, Form, FormSubmission, Opportunity, Workspace
from crm.models.tracking import CHUNK
from crm.signals import form_submitted
from triggers import event_types, events
from triggers.models import Event
from triggers.sources.crm import listener


def told() -> list[str]:
    return list(Event.objects.order_by("id").values_list("type", flat=True))


def forget() -> None:
    Event.objects.all().delete()


def last() -> Event:
    return Event.objects.latest("id")


def test_a_contact_tells_of_its_life(acme: Workspace, owner: User) -> None:
    with events.acting_as(f"user:{owner.pk}"):
        ann = Contact.objects.create(
            workspace=acme, first_name="Ann", email="not an address", owner=owner, custom={"a": 1}
        )
    event = last()
    assert event.type == event.topic == "contact_created"
    assert (event.workspace_id, event.subject, event.source) == (
        acme.pk,
        f"contact:{ann.pk}",
        "crm",
    )
    assert event.actor == f"user:{owner.pk}"
    assert event.payload["triggered_by"] == str(owner.pk)
    contact = event.payload["contact"]
    assert contact["id"] == str(ann.pk)
    assert (contact["first_name"], contact["owner"], contact["custom"]) == (
        "Ann",
        owner.pk,
        {"a": 1},
    )
    assert set(contact) == {
        "id", "first_name", "last_name", "email", "phone", "title", "company", "source", "owner", "custom",
        "created_at", "updated_at",
    }  # fmt: skip

    ann.title = "CEO"
    ann.save()
    assert last().payload["changes"] == {"title": {"old": "", "new": "CEO"}}
    assert last().payload["triggered_by"] == "system"
    ann.save()
    ann.delete()
    assert told() == ["contact_created", "contact_updated", "contact_deleted"]
    assert last().payload["contact"]["title"] == "CEO"


def test_a_deal_tells_of_its_stages(acme: Workspace) -> None:
    ann = Contact.objects.create(workspace=acme, first_name="Ann")
    deal = Opportunity.objects.create(
        workspace=acme, name="Boat", value="15000.50", contact=ann, close_date=dt.date(2026, 12, 31)
    )
    created = last().payload
    assert created["deal"]["value"] == 15000.5
    assert created["deal"]["contact_id"] == created["contact"]["id"] == str(ann.pk)
    assert created["deal"]["close_date"] == "2026-12-31"
    forget()

    deal.stage = "Closed Won"
    deal.value = Decimal(20000)
    deal.save()
    moved, updated = Event.objects.order_by("id")
    assert (moved.type, updated.type) == ("deal_stage_updated", "deal_updated")
    assert (moved.payload["previous_stage"], moved.payload["new_stage"]) == ("Lead", "Closed Won")
    changes = {
        "stage": {"old": "Lead", "new": "Closed Won"},
        "value": {"old": 15000.5, "new": 20000},
    }
    assert moved.payload["changes"] == updated.payload["changes"] == changes
    assert moved.payload["deal"]["stage"] == "Closed Won"
    assert moved.subject == f"deal:{deal.pk}"
    assert "previous_stage" not in updated.payload
    forget()

    deal.name = "Ship"
    deal.contact = None
    deal.save()
    assert told() == ["deal_updated"]
    assert last().payload["contact"] is None
    assert last().payload["changes"]["contact_id"] == {"old": str(ann.pk), "new": None}
    deal.delete()
    assert told() == ["deal_updated", "deal_deleted"]


def test_an_event_adds_one_insert(acme: Workspace) -> None:
    with CaptureQueriesContext(connection) as captured:
        ann = Contact.objects.create(workspace=acme, first_name="Ann")
    written = [query["sql"].replace('"', "").split()[:3] for query in captured]
    assert [words[2] for words in written if words[0] == "INSERT"] == [
        "crm_contact",
        "triggers_event",
    ]
    assert {words[0] for words in written} <= {"INSERT", "SAVEPOINT", "RELEASE"}
    deal = Opportunity.objects.create(workspace=acme, name="Boat", contact=ann)
    deal = Opportunity.objects.get(pk=deal.pk)
    deal.stage = "Proposal"
    with CaptureQueriesContext(connection) as captured:
        deal.save()
    assert [query["sql"].split()[0] for query in captured if "SAVEPOINT" not in query["sql"]] == [
        "SELECT", "UPDATE", "SELECT", "INSERT",  # lock, write, the contact, both events
    ]  # fmt: skip
    deal.name = "Ship"
    with CaptureQueriesContext(connection) as captured:
        deal.contact = ann
        deal.save()
    assert len([query for query in captured if "SAVEPOINT" not in query["sql"]]) == 3


def test_a_rollback_leaves_no_event(acme: Workspace) -> None:
    with transaction.atomic():
        Contact.objects.create(workspace=acme)
        assert told() == ["contact_created"]
        transaction.set_rollback(True)
    assert told() == []


def test_an_import_tells_each_contact_once_by_the_system(acme: Workspace, owner: User) -> None:
    count = CHUNK + 2
    with events.acting_as(f"user:{owner.pk}"), CaptureQueriesContext(connection) as captured:
        Contact.objects.bulk_create(
            [Contact(workspace=acme, email=f"{number}@example.org") for number in range(count)]
        )
    assert Event.objects.filter(type="contact_created").count() == count
    assert {event.payload["triggered_by"] for event in Event.objects.all()} == {"system"}
    assert last().actor == f"user:{owner.pk}"
    inserts = [query for query in captured if query["sql"].startswith("INSERT")]
    assert len(inserts) == 4  # two chunks, each of contacts and of events


def test_bulk_writes_of_deals_tell_with_their_contacts(acme: Workspace) -> None:
    people = Contact.objects.bulk_create([Contact(workspace=acme) for _ in range(3)])
    Opportunity.objects.bulk_create(
        [Opportunity(workspace=acme, name="Boat", contact_id=person.pk) for person in people]
    )
    forget()
    with CaptureQueriesContext(connection) as captured:
        Opportunity.objects.update(stage="Proposal")
    assert told() == ["deal_stage_updated", "deal_updated"] * 3
    assert {event.payload["contact"]["id"] for event in Event.objects.all()} == {
        str(person.pk) for person in people
    }
    assert len([query for query in captured if "SAVEPOINT" not in query["sql"]]) == 4
    forget()
    Opportunity.objects.rename_stage(acme, old="Proposal", new="Offer")
    assert told() == []
    Opportunity.objects.all().delete()
    assert told() == ["deal_deleted"] * 3


def test_a_deleted_contact_leaves_its_deals(acme: Workspace) -> None:
    ann = Contact.objects.create(workspace=acme)
    deal = Opportunity.objects.create(workspace=acme, name="Boat", contact=ann)
    forget()
    ann.delete()
    assert told() == ["deal_updated", "contact_deleted"]
    deal.refresh_from_db()
    assert deal.contact is None


def test_deleting_a_workspace_is_no_news(acme: Workspace) -> None:
    ann = Contact.objects.create(workspace=acme)
    Opportunity.objects.create(workspace=acme, name="Boat", contact=ann)
    acme.delete()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert told() == []


@pytest.mark.parametrize(
    "custom",
    [{"big": "x" * 400_000}, [1, 2], "text", {"deep": {"a": [{"b": "\x00"}]}}],
    ids=["big", "list", "text", "nul"],
)
def test_odd_custom_fields_do_not_undo_the_sale(acme: Workspace, custom: Any) -> None:
    ann = Contact.objects.create(workspace=acme, custom=custom)
    deal = Opportunity.objects.create(workspace=acme, name="Boat", contact=ann, custom=custom)
    deal.stage = "Closed Won"
    deal.custom = {"other": custom}
    deal.save()
    assert last().type == "deal_updated"
    assert last().payload["deal"]["stage"] == "Closed Won"
    assert isinstance(last().payload["deal"]["custom"], dict)


def test_an_answered_form_tells_and_answers_with_the_event(acme: Workspace) -> None:
    ann = Contact.objects.create(workspace=acme, email="ann@example.org")
    form = Form.objects.create(workspace=acme, name="Inbound", slug="inbound")
    submission = FormSubmission.objects.create(
        workspace=acme, form=form, contact=ann, fields={"company": "Example"}, is_new_contact=True
    )
    answers = form_submitted.send(sender=FormSubmission, submission=submission)
    event = last()
    assert event.pk in [answer for _, answer in answers]
    assert event.type == "form_submitted"
    assert event.subject == f"contact:{ann.pk}"
    assert event.payload["form"]["form_id"] == str(form.pk)
    assert event.payload["form"]["fields"] == {"company": "Example"}
    assert event.payload["contact"]["email"] == "ann@example.org"
    assert event.payload["is_new_contact"] is True


def test_programs_may_tell_themselves(acme: Workspace) -> None:
    ann = Contact.objects.quietly().bulk_create([Contact(workspace=acme)])[0]
    assert told() == []
    (event,) = listener.contact_created(ann, triggered_by="42")
    assert event.payload["triggered_by"] == "42"
    assert list(listener.find_matching_agents(acme, "contact_created")) == []


def test_every_type_of_the_crm_is_registered_and_reserved() -> None:
    names = [
        name for name in event_types.registry if event_types.registry.get(name).source == "crm"
    ]
    assert names == [
        "contact_created", "contact_deleted", "contact_updated", "deal_created", "deal_deleted", "deal_stage_updated",
        "deal_updated", "form_submitted",
    ]  # fmt: skip
    assert all(event_types.registry.get(name).reserved for name in names)
