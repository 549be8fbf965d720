"""Writes of many rows tell what changed in each of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Count, F, Value
from django.db.models.functions import Concat
from django.test.utils import CaptureQueriesContext

from crm.models import Contact, Membership, Note, Opportunity, Workspace
from crm.models.tracking import CHUNK
from tests.crm import hearing
from tests.crm.hearing import deal, queries_on

heard = hearing.heard


def test_bulk_create_tells_every_row_once(acme: Workspace, heard: Any) -> None:
    notes = heard(Contact)
    rows = [Contact(workspace=acme, first_name=str(number)) for number in range(CHUNK + 1)]
    Contact.objects.bulk_create(rows)
    assert [(kind, len(rows)) for kind, rows in notes.bulk] == [("created", CHUNK), ("created", 1)]
    assert notes.rows("created") == rows
    assert rows[0].stored()["first_name"] == "0"


@pytest.mark.parametrize(
    "options",
    [
        {"ignore_conflicts": True},
        {"update_conflicts": True, "update_fields": ["title"], "unique_fields": ["id"]},
    ],
    ids=["ignore", "update"],
)
def test_bulk_create_refuses_conflict_options(acme: Workspace, options: dict[str, Any]) -> None:
    with pytest.raises(NotImplementedError, match="cannot ignore or update conflicts"):
        Contact.objects.bulk_create([Contact(workspace=acme)], **options)


def test_update_tells_old_and_new_of_the_rows_that_changed(acme: Workspace, heard: Any) -> None:
    first, second = deal(acme), deal(acme, stage="Proposal")
    notes = heard(Opportunity)
    with CaptureQueriesContext(connection) as captured:
        assert Opportunity.objects.update(stage="Proposal") == 2
    (row,) = notes.rows("updated")
    assert (row.pk, row.changes()) == (first.pk, {"stage": ("Lead", "Proposal")})
    assert [sql.split()[0] for sql in queries_on("crm_opportunity", captured)] == [
        "SELECT",
        "UPDATE",
    ]
    assert second.pk != first.pk


def test_update_by_an_expression_is_read_back(acme: Workspace, heard: Any) -> None:
    deal(acme, value=10)
    notes = heard(Opportunity)
    Opportunity.objects.update(value=F("value") * 2)
    assert [row.changes() for row in notes.rows("updated")] == [
        {"value": (Decimal(10), Decimal(20))}
    ]


def test_update_of_untracked_fields_asks_and_tells_nothing(acme: Workspace, heard: Any) -> None:
    row = deal(acme)
    notes = heard(Opportunity)
    with CaptureQueriesContext(connection) as captured:
        Opportunity.objects.update(updated_at=row.created_at)
    assert len(captured) == 1
    assert notes.bulk == []


def test_update_of_many_rows_goes_in_chunks(acme: Workspace, heard: Any) -> None:
    count = 2 * CHUNK + 1
    Contact.objects.bulk_create([Contact(workspace=acme) for _ in range(count)])
    notes = heard(Contact)
    assert Contact.objects.filter(workspace=acme, title="").update(title="CEO") == count
    assert [len(rows) for _, rows in notes.bulk] == [CHUNK, CHUNK, 1]
    assert len({row.pk for row in notes.rows("updated")}) == count


def test_odd_querysets_can_be_updated(acme: Workspace, heard: Any, owner: User) -> None:
    ann = Contact.objects.create(workspace=acme, first_name="Ann", owner=owner)
    for text in ("one", "two"):
        Note.objects.create(workspace=acme, contact=ann, text=text)
    notes = heard(Contact)
    everyone = Contact.objects.select_related("owner").reverse()
    everyone.filter(notes__text__in=["one", "two"]).update(title="a")
    everyone.filter(notes__text__in=["one", "two"]).distinct().update(title="b")
    everyone.annotate(count=Count("notes")).filter(count=2).update(title="c")
    everyone.annotate(full=Concat("first_name", Value("!"))).update(title=F("full"))
    everyone.values("pk").update(title="d")
    everyone.defer("title").prefetch_related("notes").update(title="e", owner=None)
    assert Contact.objects.none().update(title="f") == 0
    assert [row.changes() for row in notes.rows("updated")] == [
        {"title": ("", "a")},
        {"title": ("a", "b")},
        {"title": ("b", "c")},
        {"title": ("c", "Ann!")},
        {"title": ("Ann!", "d")},
        {"title": ("d", "e"), "owner": (owner.pk, None)},
    ]
    with pytest.raises(TypeError, match="slice"):
        Contact.objects.all()[:1].update(title="g")


def test_bulk_update_tells_each_row_once(acme: Workspace, heard: Any) -> None:
    rows = [deal(acme), deal(acme)]
    notes = heard(Opportunity)
    rows[0].stage = "Proposal"
    rows[1].value = Decimal(5)
    with CaptureQueriesContext(connection) as captured:
        Opportunity.objects.bulk_update(rows, ["stage", "value"])
    told = {row.pk: row.changes() for row in notes.rows("updated")}
    assert told == {
        rows[0].pk: {"stage": ("Lead", "Proposal")},
        rows[1].pk: {"value": (Decimal(0), Decimal(5))},
    }
    assert [kind for kind, _ in notes.bulk] == ["updated"]
    assert len(queries_on("crm_opportunity", captured)) == 3  # lock, write, read what the CASE made


def test_delete_tells_the_rows(acme: Workspace, heard: Any) -> None:
    ann = Contact.objects.create(workspace=acme, first_name="Ann")
    row = deal(acme, contact=ann)
    contacts, deals = heard(Contact), heard(Opportunity)
    assert Contact.objects.filter(first_name="Ann").delete() == (1, {"crm.Contact": 1})
    assert [row.stored()["first_name"] for row in contacts.rows("deleted")] == ["Ann"]
    (told,) = deals.rows("updated")  # its contact went
    assert (told.pk, told.changes()) == (row.pk, {"contact": (ann.pk, None)})
    assert not hasattr(Contact.objects, "delete")


def test_related_managers_pass_through(acme: Workspace, heard: Any) -> None:
    ann = Contact.objects.create(workspace=acme)
    rows = [deal(acme), deal(acme)]
    notes = heard(Opportunity)
    ann.opportunities.add(*rows)
    ann.opportunities.clear()
    assert [kind for kind, _ in notes.bulk] == ["updated", "updated"]
    assert notes.bulk[1][1][0].changes() == {"contact": (ann.pk, None)}


def test_renaming_a_stage_is_no_news(acme: Workspace, other: Workspace, heard: Any) -> None:
    mine, theirs = deal(acme), deal(other)
    notes = heard(Opportunity)
    assert Opportunity.objects.rename_stage(acme, old="Lead", new="New lead") == 1
    assert notes.bulk == []
    mine.refresh_from_db()
    theirs.refresh_from_db()
    assert (mine.stage, theirs.stage) == ("New lead", "Lead")


def test_a_quiet_delete_is_no_news(acme: Workspace, heard: Any) -> None:
    Contact.objects.create(workspace=acme)
    notes = heard(Contact)
    Contact.objects.quietly().delete()
    assert not Contact.objects.exists()
    assert notes.bulk == []


def test_a_workspace_goes_with_all_that_it_owns(
    acme: Workspace, other: Workspace, owner: User
) -> None:
    ann = Contact.objects.create(workspace=acme)
    deal(acme, contact=ann)
    deal(other)
    acme.delete()
    Workspace.objects.filter(pk=other.pk).delete()
    assert not Workspace.objects.exists()
    assert not Membership.objects.exists()
