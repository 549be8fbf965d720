"""A row knows what a save changed in it; and what else the models hold to."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Value
from django.db.models.functions import Upper
from django.db.models.signals import post_save
from django.test.utils import CaptureQueriesContext

from crm.models import Contact, Membership, Opportunity, Role, Workspace
from tests.crm import hearing
from tests.crm.hearing import deal, queries_on

heard = hearing.heard


def test_a_new_row_has_no_changes_and_costs_one_query(acme: Workspace, heard: Any) -> None:
    notes = heard(Contact)
    with CaptureQueriesContext(connection) as captured:
        contact = Contact.objects.create(workspace=acme, first_name="Ann")
    assert [sql.split()[0] for sql in queries_on("crm_contact", captured)] == ["INSERT"]
    assert notes.saves == [{}]
    assert contact.changes() == {}


def test_a_save_knows_old_and_new_in_post_save(acme: Workspace, heard: Any) -> None:
    row = deal(acme, value=5)
    notes = heard(Opportunity)
    row.stage = "Proposal"
    row.value = "15000"  # as a form may give it
    with CaptureQueriesContext(connection) as captured:
        row.save()
    assert notes.saves == [
        {"value": (Decimal("5.00"), Decimal("15000.00")), "stage": ("Lead", "Proposal")}
    ]
    assert [sql.split()[0] for sql in queries_on("crm_opportunity", captured)] == [
        "SELECT",
        "UPDATE",
    ]


def test_an_unchanged_save_has_no_changes(acme: Workspace) -> None:
    row = deal(acme, value=5, custom={"size": 3})
    row.save()
    assert row.changes() == {}
    row.value = 5.004  # rounds to what is stored
    row.save()
    assert row.changes() == {}


def test_update_fields_is_honoured_and_stored_tells_the_rest_as_it_is(acme: Workspace) -> None:
    row = deal(acme)
    Opportunity.objects.filter(pk=row.pk).quietly().update(value=900)  # another writer
    row.stage = "Proposal"
    row.name = "not to be saved"
    row.save(update_fields=["stage"])
    assert row.changes() == {"stage": ("Lead", "Proposal")}
    stored = row.stored()
    assert (stored["name"], stored["value"], stored["stage"]) == ("Boat", Decimal(900), "Proposal")
    with CaptureQueriesContext(connection) as captured:
        row.save(update_fields=["updated_at"])
    assert len(queries_on("crm_opportunity", captured)) == 1


def test_foreign_keys_change_as_ids(acme: Workspace) -> None:
    ann, bob = (Contact.objects.create(workspace=acme, first_name=name) for name in ("Ann", "Bob"))
    row = deal(acme, contact=ann)
    row.contact = bob
    row.save()
    assert row.changes() == {"contact": (ann.pk, bob.pk)}


def test_expressions_are_read_back(acme: Workspace) -> None:
    row = deal(acme, value=10)
    row.value = F("value") + 5
    row.save()
    assert row.changes() == {"value": (Decimal(10), Decimal(15))}
    assert row.value == Decimal(15)
    born = Opportunity(workspace=acme, name=Upper(Value("boat")))
    born.save()
    assert born.name == "BOAT"


def test_deferred_fields_stay_deferred(acme: Workspace) -> None:
    deal(acme, value=7)
    row = Opportunity.objects.only("id", "stage").get()
    row.stage = "Proposal"
    row.save()
    assert row.changes() == {"stage": ("Lead", "Proposal")}
    assert row.stored()["value"] == Decimal(7)
    assert "name" in row.get_deferred_fields()


def test_a_row_with_unstorable_text_is_saved_without_it(acme: Workspace) -> None:
    contact = Contact.objects.create(workspace=acme, first_name="A\x00nn", custom={"a": "\udc00"})
    Contact.objects.bulk_create([Contact(workspace=acme, first_name="B\x00ob")])
    Contact.objects.filter(pk=contact.pk).update(title="C\x00EO")
    contact.refresh_from_db()
    assert (contact.first_name, contact.title, contact.custom) == (
        "A\ufffdnn",
        "C\ufffdEO",
        {"a": "\ufffd"},
    )


def test_force_insert_and_force_update(acme: Workspace, heard: Any) -> None:
    first = Contact.objects.create(workspace=acme, first_name="Ann")
    notes = heard(Contact)
    with pytest.raises(IntegrityError), transaction.atomic():
        Contact(pk=first.pk, workspace=acme).save(force_insert=True)
    again = Contact(pk=first.pk, workspace=acme, first_name="Anna", created_at=first.created_at)
    again.save(force_update=True)
    assert notes.saves == [{"first_name": ("Ann", "Anna")}]


def test_get_or_create_and_update_or_create(acme: Workspace, heard: Any) -> None:
    notes = heard(Contact)
    Contact.objects.get_or_create(workspace=acme, email="ann@example.org")
    Contact.objects.get_or_create(workspace=acme, email="ann@example.org")
    contact, created = Contact.objects.update_or_create(
        workspace=acme, email="ann@example.org", defaults={"title": "CEO"}
    )
    assert not created
    assert notes.saves == [{}, {"title": ("", "CEO")}]
    assert contact.changes() == {"title": ("", "CEO")}


def test_a_failing_receiver_takes_the_row_with_it(acme: Workspace) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError("no event")

    post_save.connect(fail, sender=Contact)
    try:
        with pytest.raises(RuntimeError), transaction.atomic():
            Contact.objects.create(workspace=acme)
    finally:
        post_save.disconnect(fail, sender=Contact)
    assert not Contact.objects.exists()


def test_deleting_twice_counts_once(acme: Workspace) -> None:
    contact = Contact.objects.create(workspace=acme)
    twin = Contact.objects.get()
    assert contact.delete() == (1, {"crm.Contact": 1})
    assert twin.delete() == (0, {})


# --- rules of the models ----------------------------------------------------------------------------------------------


def test_a_stage_belongs_to_the_workspace(acme: Workspace, other: Workspace) -> None:
    foreign = Contact.objects.create(workspace=other)
    row = Opportunity(workspace=acme, name="Deal", stage="Nowhere", contact=foreign)
    with pytest.raises(ValidationError) as error:
        row.full_clean()
    assert set(error.value.message_dict) == {"stage", "contact"}


def test_contacts_are_found_however_the_address_is_written(acme: Workspace) -> None:
    Contact.objects.create(workspace=acme, email="Ann@Example.org")
    Contact.objects.create(workspace=acme)
    found = Contact.objects.filter(workspace=acme)
    assert found.with_email("aNN@example.ORG").count() == 1
    assert found.with_email("").count() == 0
    with pytest.raises(IntegrityError), transaction.atomic():
        Contact.objects.create(workspace=acme, email="ANN@example.org")


def test_memberships_are_tracked(acme: Workspace, owner: User) -> None:
    membership = Membership.objects.get()
    membership.role = Role.VIEWER
    membership.save()
    assert membership.changes() == {"role": ("owner", "viewer")}
