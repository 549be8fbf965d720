from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models import Count, F, Value
from django.db.models.functions import Concat, Upper
from django.db.models.signals import post_save
from django.test.utils import CaptureQueriesContext

from crm import signals
from crm.models import Contact, Membership, Note, Opportunity, Role, Workspace
from crm.models.tracking import CHUNK, TrackedModel


@dataclass
class Heard:
    """What was told of a model: the changes seen in post_save, and the bulk writes as (kind, rows)."""

    saves: list[dict[str, Any]] = field(default_factory=list)
    bulk: list[tuple[str, list[TrackedModel]]] = field(default_factory=list)

    def rows(self, kind: str) -> list[TrackedModel]:
        return [row for found, rows in self.bulk if found == kind for row in rows]


@pytest.fixture
def heard() -> Iterator[Callable[[type[TrackedModel]], Heard]]:
    connected: list[Callable[[], object]] = []

    def listen(model: type[TrackedModel]) -> Heard:
        notes = Heard()

        def saved(instance: TrackedModel, **_: Any) -> None:
            notes.saves.append(instance.changes())

        def told(kind: str, rows: list[TrackedModel], **_: Any) -> None:
            assert connection.in_atomic_block
            notes.bulk.append((kind, rows))

        post_save.connect(saved, sender=model, weak=False)
        signals.rows_changed.connect(told, sender=model, weak=False)
        connected.append(lambda: post_save.disconnect(saved, sender=model))
        connected.append(lambda: signals.rows_changed.disconnect(told, sender=model))
        return notes

    yield listen
    for disconnect in connected:
        disconnect()


def queries_on(table: str, captured: CaptureQueriesContext) -> list[str]:
    return [query["sql"] for query in captured.captured_queries if f'"{table}"' in query["sql"]]


def deal(acme: Workspace, **values: Any) -> Opportunity:
    return Opportunity.objects.create(workspace=acme, name="Boat", **values)


# --- one row ----------------------------------------------------------------------------------------------------------


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


# --- many rows --------------------------------------------------------------------------------------------------------


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


# --- two writers ------------------------------------------------------------------------------------------------------


def in_thread(work: Callable[[], None]) -> threading.Thread:
    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", ["save", "update"])
def test_the_second_writer_sees_what_the_first_wrote(how: str, heard: Any) -> None:
    acme = Workspace.objects.create(name="Acme", slug="acme")
    row = deal(acme, stage="A")
    stale = Opportunity.objects.get()
    notes = heard(Opportunity)
    begun = threading.Event()

    def second() -> None:
        begun.set()
        if how == "save":
            stale.stage = "C"
            stale.save()
        else:
            Opportunity.objects.filter(pk=stale.pk).update(stage="C")

    with transaction.atomic():
        row.stage = "B"
        row.save()
        thread = in_thread(second)
        begun.wait(5)
        wait_until_someone_waits()
    thread.join(10)
    told = notes.saves + [found.changes() for found in notes.rows("updated")]
    assert told == [{"stage": ("A", "B")}, {"stage": ("B", "C")}]


def wait_until_someone_waits() -> None:
    """Until another connection stands in front of a lock that this transaction holds."""
    with connection.cursor() as cursor:
        for _ in range(500):
            cursor.execute(
                "SELECT count(*), pg_sleep(0.01) FROM pg_locks"
                " WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
            )
            if cursor.fetchone()[0]:
                return
    raise AssertionError("nobody waits")


@pytest.mark.django_db(transaction=True)
def test_many_writers_make_one_chain_of_changes(heard: Any) -> None:
    acme = Workspace.objects.create(name="Acme", slug="acme")
    row = deal(acme, stage="0")
    notes = heard(Opportunity)

    def write(number: int) -> None:
        mine = Opportunity.objects.get(pk=row.pk)
        mine.stage = str(number)
        mine.save()

    threads = [in_thread(partial(write, number)) for number in range(1, 9)]
    for thread in threads:
        thread.join(20)
    following = dict(changes["stage"] for changes in notes.saves)  # old -> new
    stage, steps = "0", 0
    while stage in following:
        stage, steps = following[stage], steps + 1
    row.refresh_from_db()
    assert (stage, steps) == (row.stage, 8)
