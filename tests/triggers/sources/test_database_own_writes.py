"""Our own writes are told once though changes are captured, and those of others as if they were ours."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from psycopg.types.json import Jsonb

from crm import capture
from crm.models import Contact, Opportunity, Workspace
from tests.triggers.sources.writing import Program, forget, insert, tell, told
from triggers.models import Event

pytestmark = pytest.mark.django_db(transaction=True)


def lives_of_rows(acme: Workspace) -> None:
    ann = Contact.objects.create(workspace=acme, first_name="Ann")
    ann.title = "CEO"
    ann.save()
    Contact.objects.bulk_create([Contact(workspace=acme, first_name=f"P{n}") for n in range(3)])
    Contact.objects.filter(first_name__startswith="P").update(title="Clerk")
    people = list(Contact.objects.filter(title="Clerk"))
    for person in people:
        person.title = "Boss"
    Contact.objects.bulk_update(people, ["title"])
    Contact.objects.quietly().update(company="Quiet")
    deal = Opportunity.objects.create(workspace=acme, name="Boat", contact=ann)
    deal.stage = "Proposal"
    deal.save()
    Opportunity.objects.rename_stage(acme, old="Proposal", new="Offer")
    Contact.objects.filter(title="Boss").delete()
    ann.delete()
    Opportunity.objects.all().delete()


def test_our_own_writes_are_told_once_and_cost_no_statement_more(acme: Workspace) -> None:
    with CaptureQueriesContext(connection) as without:
        lives_of_rows(acme)
    expected = told()
    assert len(expected) > 10
    forget()
    capture.switch_on()
    try:
        with CaptureQueriesContext(connection) as captured:
            lives_of_rows(acme)
    finally:
        capture.switch_off()
    assert tell() == expected
    assert len(captured) == len(without)


@pytest.mark.usefixtures("capturing")
def test_raw_sql_of_ours_counts_only_outside(acme: Workspace) -> None:
    ann = Contact.objects.create(workspace=acme, first_name="Ann")
    forget()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE crm_contact SET title = 'CEO' WHERE id = %s", [ann.pk])
        assert tell() == []
        with capture.outside():
            cursor.execute("UPDATE crm_contact SET title = 'CTO' WHERE id = %s", [ann.pk])
        cursor.execute("UPDATE crm_contact SET title = 'CFO' WHERE id = %s", [ann.pk])
        with pytest.raises(ZeroDivisionError), capture.outside():
            raise ZeroDivisionError
        cursor.execute("UPDATE crm_contact SET title = 'COO' WHERE id = %s", [ann.pk])
        with transaction.atomic():
            with capture.outside():
                cursor.execute("UPDATE crm_contact SET title = 'CIO' WHERE id = %s", [ann.pk])
            ann.refresh_from_db()
            ann.title = "VP"
            ann.save()
    assert sorted(tell()) == ["contact_updated"] * 3
    changes = Event.objects.filter(source="database").order_by("id")
    assert [event.payload["changes"]["title"]["new"] for event in changes] == ["CTO", "CIO"]


def comparable() -> list[dict[str, Any]]:
    return [
        {
            "type": event.type,
            "topic": event.topic,
            "subject": event.subject,
            "payload": event.payload,
        }
        for event in Event.objects.order_by("id")
    ]


@pytest.mark.usefixtures("capturing")
def test_what_is_told_is_what_our_own_write_tells(
    acme: Workspace, program: Program, owner: User
) -> None:
    forget()
    pk, deal_pk = uuid.uuid4(), uuid.uuid4()
    ann = Contact(
        pk=pk, workspace=acme, first_name="Ann", email="a@b.example", owner=owner,
        custom={"a": [1, 2.5, None, "ü"], "big": 12345678901234567890},
    )  # fmt: skip
    ann.save()
    Contact.objects.filter(pk=pk).update(title="CEO", custom={"a": 1}, owner=None)
    deal = Opportunity(
        pk=deal_pk, workspace=acme, name="Boat", value="123456789012.34",
        contact=Contact.objects.get(pk=pk),
        close_date=dt.date(2026, 12, 31), custom={"x": True},
    )  # fmt: skip
    deal.save()
    Opportunity.objects.filter(pk=deal_pk).update(stage="Won", value="0.10", contact=None)
    times = {
        table: program.execute(f"SELECT created_at, updated_at FROM {table}").fetchone()
        for table in ("crm_contact", "crm_opportunity")
    }
    Opportunity.objects.filter(pk=deal_pk).delete()
    Contact.objects.filter(pk=pk).delete()
    ours = comparable()
    forget()

    program.execute("SET TIME ZONE 'Asia/Kathmandu'")
    created, updated = times["crm_contact"] or (None, None)
    insert(
        program, "crm_contact", id=pk, workspace_id=acme.pk, first_name="Ann", email="a@b.example",
        custom=Jsonb({"a": [1, 2.5, None, "ü"], "big": 12345678901234567890}), owner_id=owner.pk,
        created_at=created, updated_at=updated,
    )  # fmt: skip
    program.execute(
        "UPDATE crm_contact SET title = 'CEO', custom = '{\"a\": 1}', owner_id = NULL WHERE id = %s",
        [pk],
    )
    created, updated = times["crm_opportunity"] or (None, None)
    insert(
        program, "crm_opportunity", id=deal_pk, workspace_id=acme.pk, value="123456789012.34", contact_id=pk,
        close_date=dt.date(2026, 12, 31), custom=Jsonb({"x": True}), created_at=created, updated_at=updated,
    )  # fmt: skip
    program.execute("UPDATE crm_opportunity SET stage = 'Won', value = 0.1, contact_id = NULL")
    program.execute("DELETE FROM crm_opportunity")
    program.execute("DELETE FROM crm_contact")
    tell()
    assert [one["type"] for one in ours] == [
        "contact_created", "contact_updated", "deal_created", "deal_stage_updated", "deal_updated",
        "deal_deleted", "contact_deleted",
    ]  # fmt: skip
    assert comparable() == ours
