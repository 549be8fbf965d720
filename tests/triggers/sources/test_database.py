"""What another program changes in the database is told once, and as if we had changed it."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from psycopg.types.json import Jsonb

from config.lib.locks import Lock
from crm import capture
from crm.models import (
    CapturedChange,
    Contact,
    Form,
    FormSubmission,
    Membership,
    Opportunity,
    Workspace,
)
from crm.models.captured import MAX_ATTEMPTS
from executions import health, sweep
from executions.models import Alert
from triggers.models import Event
from triggers.sources import database

pytestmark = pytest.mark.django_db(transaction=True)
Program = psycopg.Connection[Any]
AT = dt.datetime(2026, 11, 3, 9, 30, 0, 5, tzinfo=dt.UTC)


def insert(program: Program, table: str, /, **columns: Any) -> uuid.UUID:
    """A row as a program would write it, the other columns with what Django would give them."""
    defaults: dict[str, dict[str, Any]] = {
        "crm_contact": {
            **dict.fromkeys(("first_name", "last_name", "email", "phone"), ""),
            **dict.fromkeys(("title", "company", "source"), ""),
            "custom": Jsonb({}), "created_at": AT, "updated_at": AT,
        },
        "crm_opportunity": {
            "name": "Boat", "value": "15000.50", "currency": "USD", "stage": "Lead",
            "custom": Jsonb({}), "created_at": AT, "updated_at": AT,
        },
        "crm_formsubmission": {
            "fields": Jsonb({"name": "Ann"}), "is_new_contact": False, "is_spam": False, "sending": "",
            "submitted_at": AT,
        },
    }  # fmt: skip
    pk = uuid.UUID(str(columns.get("id") or uuid.uuid4()))
    row = {**defaults[table], **columns, "id": pk}
    marks = ", ".join(["%s"] * len(row))
    program.execute(
        f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})",
        list(row.values()),
    )
    return pk


def told() -> list[str]:
    return list(Event.objects.order_by("id").values_list("type", flat=True))


def tell() -> list[str]:
    """Tells what waits; the types of all events so far."""
    database.tell()
    assert not CapturedChange.objects.waiting().exists()
    return told()


def forget() -> None:
    Event.objects.all().delete()


# --- our own writes -------------------------------------------------------------------------------------


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


@pytest.mark.usefixtures("capturing")
def test_old_rows_may_be_deleted_meanwhile(acme: Workspace, program: Program) -> None:
    program.execute("SELECT pg_advisory_lock(%s)", [Lock.PRUNE.value])
    insert(program, "crm_contact", workspace_id=acme.pk, first_name="Ann")
    assert tell() == ["contact_created"]


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


# --- other programs -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("capturing")
def test_each_change_of_a_contact_is_told_once(acme: Workspace, program: Program) -> None:
    pk = insert(program, "crm_contact", workspace_id=acme.pk, first_name="Ann", email="a@b.example")
    program.execute("UPDATE crm_contact SET title = 'CEO' WHERE id = %s", [pk])
    program.execute("UPDATE crm_contact SET title = 'CEO' WHERE id = %s", [pk])
    program.execute("UPDATE crm_contact SET updated_at = now() WHERE id = %s", [pk])
    program.execute("DELETE FROM crm_contact WHERE id = %s", [pk])
    before = dt.datetime.now(dt.UTC)
    assert tell() == tell() == ["contact_created", "contact_updated", "contact_deleted"]
    created, updated, deleted = Event.objects.order_by("id")
    for event in (created, updated, deleted):
        assert (event.workspace_id, event.subject) == (acme.pk, f"contact:{pk}")
        assert (event.source, event.actor, event.verified) == ("database", "system", True)
        assert event.payload["triggered_by"] == "system"
        assert event.occurred_at < before
    assert updated.payload["changes"] == {"title": {"old": "", "new": "CEO"}}
    assert deleted.payload["contact"]["title"] == "CEO"
    assert created.correlation_id != updated.correlation_id


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


@pytest.mark.usefixtures("capturing")
def test_a_deal_shows_its_contact_as_it_was_then(acme: Workspace, program: Program) -> None:
    with program.transaction():
        pk = insert(program, "crm_contact", workspace_id=acme.pk, first_name="Ann")
        insert(program, "crm_opportunity", workspace_id=acme.pk, contact_id=pk)
        program.execute("UPDATE crm_opportunity SET stage = 'Won'")
        program.execute("UPDATE crm_contact SET first_name = 'Anna'")
        program.execute("DELETE FROM crm_opportunity")
        program.execute("DELETE FROM crm_contact")
    assert tell() == [
        "contact_created", "deal_created", "deal_stage_updated", "deal_updated", "contact_updated",
        "deal_deleted", "contact_deleted",
    ]  # fmt: skip
    shown = [e.payload["contact"]["first_name"] for e in Event.objects.order_by("id")]
    assert shown == ["Ann"] * 4 + ["Anna"] * 3
    assert len(set(Event.objects.values_list("correlation_id", flat=True))) == 1
    moved = Event.objects.get(type="deal_stage_updated")
    assert (moved.payload["previous_stage"], moved.payload["new_stage"]) == ("Lead", "Won")


@pytest.mark.usefixtures("capturing")
def test_answers_and_roles(acme: Workspace, program: Program, owner: User) -> None:
    forget()
    form = Form.objects.create(workspace=acme, name="Ask", slug="ask")
    ids = {"workspace_id": acme.pk, "form_id": form.pk}
    insert(program, "crm_formsubmission", **ids)
    insert(program, "crm_formsubmission", **ids, is_spam=True)
    program.execute("UPDATE crm_formsubmission SET fields = '{}'")
    program.execute("UPDATE crm_membership SET role = 'viewer'")
    program.execute("DELETE FROM crm_membership")
    assert tell() == ["form_submitted", "user.role_changed"]
    answered, changed = Event.objects.order_by("id")
    assert answered.payload["form"]["fields"] == {"name": "Ann"}
    assert (answered.payload["form"]["name"], answered.verified) == ("Ask", False)
    assert answered.subject == f"form:{form.pk}"
    assert changed.payload["user"]["username"] == owner.username
    assert (changed.payload["previous_role"], changed.payload["new_role"]) == ("owner", "viewer")
    assert not Membership.objects.exists()
    assert FormSubmission.objects.count() == 2


@pytest.mark.usefixtures("capturing")
def test_a_rollback_tells_nothing(acme: Workspace, program: Program) -> None:
    with program.transaction(force_rollback=True):
        insert(program, "crm_contact", workspace_id=acme.pk)
    with program.transaction():
        insert(program, "crm_contact", workspace_id=acme.pk, first_name="Kept")
        with program.transaction(force_rollback=True):
            insert(program, "crm_contact", workspace_id=acme.pk, first_name="Undone")
    assert tell() == ["contact_created"]
    assert Event.objects.get().payload["contact"]["first_name"] == "Kept"


@pytest.mark.usefixtures("capturing")
def test_copy_and_upsert(acme: Workspace, program: Program) -> None:
    columns = (
        "id, workspace_id, first_name, last_name, email, phone, title, company, source, custom, "
        "created_at, updated_at"
    )
    with program.cursor().copy(f"COPY crm_contact ({columns}) FROM STDIN") as copy:
        for n in range(5):
            copy.write_row(
                (uuid.uuid4(), acme.pk, f"P{n}", "", f"p{n}@b.example", *[""] * 4, "{}", AT, AT)
            )
    assert tell() == ["contact_created"] * 5
    assert [event.payload["contact"]["first_name"] for event in Event.objects.order_by("id")] == [
        f"P{n}" for n in range(5)
    ]
    forget()
    taken = Contact.objects.get(first_name="P0").pk
    upsert = f"""INSERT INTO crm_contact ({columns})
        SELECT unnest(%s::uuid[]), workspace_id, 'New', last_name, '', phone, title, company, source, custom,
        created_at, updated_at FROM crm_contact WHERE first_name = 'P0'
        ON CONFLICT (id) DO UPDATE SET first_name = 'Known'"""
    program.execute(upsert, [[uuid.uuid4(), taken]])
    assert tell() == ["contact_created", "contact_updated"]
    updated = Event.objects.get(type="contact_updated")
    assert updated.payload["changes"] == {"first_name": {"old": "P0", "new": "Known"}}


@pytest.mark.usefixtures("capturing")
def test_a_session_may_ask_for_silence(acme: Workspace, program: Program) -> None:
    program.execute("SET triggerfish.writer = 'restore'")
    insert(program, "crm_contact", workspace_id=acme.pk)
    program.execute("RESET triggerfish.writer")
    insert(program, "crm_contact", workspace_id=acme.pk)
    assert tell() == ["contact_created"]


@pytest.mark.usefixtures("capturing")
def test_a_workspace_that_is_gone_is_not_told_of(
    acme: Workspace, other: Workspace, program: Program
) -> None:
    with program.transaction():
        insert(program, "crm_contact", workspace_id=acme.pk)
        insert(program, "crm_contact", workspace_id=other.pk)
        program.execute("DELETE FROM crm_contact WHERE workspace_id = %s", [acme.pk])
        program.execute("DELETE FROM crm_workspace WHERE id = %s", [acme.pk])
    assert tell() == ["contact_created"]
    insert(program, "crm_contact", workspace_id=other.pk)
    other.delete()
    assert tell() == []


@pytest.mark.usefixtures("capturing")
def test_a_role_without_rights_on_our_tables_is_captured(acme: Workspace, program: Program) -> None:
    program.execute("CREATE ROLE capture_tester")
    try:
        program.execute("GRANT INSERT, SELECT ON crm_contact TO capture_tester")
        program.execute("SET ROLE capture_tester")
        insert(program, "crm_contact", workspace_id=acme.pk)
        program.execute("CREATE TEMP TABLE crm_contact (id uuid)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            program.execute(
                "CREATE TRIGGER forged AFTER INSERT ON pg_temp.crm_contact FOR EACH ROW "
                "EXECUTE FUNCTION public.triggerfish_capture()"
            )
    finally:
        program.execute("RESET ROLE")
        program.execute("DROP TABLE IF EXISTS pg_temp.crm_contact")
        program.execute("DROP OWNED BY capture_tester")
        program.execute("DROP ROLE capture_tester")
    assert tell() == ["contact_created"]


# --- telling --------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("capturing")
def test_two_that_tell_at_once_tell_once_and_in_order(
    acme: Workspace, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BATCH", 7)
    pk = insert(program, "crm_contact", workspace_id=acme.pk, title="0")
    for n in range(1, 60):
        program.execute("UPDATE crm_contact SET title = %s WHERE id = %s", [str(n), pk])
    start = threading.Barrier(3)

    def race() -> None:
        start.wait()
        try:
            for _ in range(40):
                database.tell()
        finally:
            connection.close()

    threads = [threading.Thread(target=race) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tell()
    rows = Event.objects.order_by("id")
    assert [event.payload["contact"]["title"] for event in rows] == [str(n) for n in range(60)]


@pytest.mark.usefixtures("capturing")
def test_a_batch_is_five_statements_and_nothing_waiting_one(
    acme: Workspace, program: Program
) -> None:
    for n in range(20):
        pk = insert(program, "crm_contact", workspace_id=acme.pk, first_name=str(n))
        insert(program, "crm_opportunity", workspace_id=acme.pk, contact_id=pk)
    with CaptureQueriesContext(connection) as captured:
        database.tell()
    written = [
        query["sql"] for query in captured if query["sql"].split()[0] not in ("BEGIN", "COMMIT")
    ]
    assert len(written) == 7, (
        written
    )  # anything there, lock, read, workspaces, insert, delete, anything left
    assert Event.objects.count() == 40
    with CaptureQueriesContext(connection) as captured:
        assert database.tell() == 0
    assert len(captured) == 1


@pytest.mark.usefixtures("capturing")
def test_what_python_or_json_cannot_hold_is_told_with_a_default(
    acme: Workspace, program: Program
) -> None:
    pk = insert(
        program, "crm_contact", workspace_id=acme.pk, first_name="Ann", created_at="infinity"
    )
    deep = "[" * 5000 + "]" * 5000
    program.execute("UPDATE crm_contact SET custom = jsonb_build_object('deep', %s::jsonb)", [deep])
    insert(
        program, "crm_opportunity", workspace_id=acme.pk, contact_id=pk, value="NaN", close_date="infinity"
    )  # fmt: skip
    assert tell() == ["contact_created", "contact_updated", "deal_created"]
    deal = Event.objects.get(type="deal_created").payload["deal"]
    assert (deal["value"], deal["close_date"]) == (0, None)


@pytest.mark.usefixtures("capturing")
def test_a_change_that_cannot_be_told_is_kept_and_stops_nobody(
    acme: Workspace, program: Program
) -> None:
    insert(program, "crm_contact", workspace_id=acme.pk, first_name="Before")
    insert(program, "crm_contact", workspace_id=acme.pk, first_name="Broken")
    insert(program, "crm_contact", workspace_id=acme.pk, first_name="After")
    broken = CapturedChange.objects.get(after__first_name="Broken")
    CapturedChange.objects.filter(pk=broken.pk).update(table="crm_unknown")
    for _ in range(MAX_ATTEMPTS):
        sweep.sweep()
    shown = [event.payload["contact"]["first_name"] for event in Event.objects.order_by("id")]
    assert shown == ["Before", "After"]
    broken.refresh_from_db()
    assert (broken.attempts, broken.error) == (MAX_ATTEMPTS, "KeyError: 'crm_unknown'")
    assert "INSERT crm_unknown" in Alert.objects.get(workspace=acme).message
    assert capture.look().put_aside == 1
    CapturedChange.objects.update(table="crm_contact")
    assert CapturedChange.objects.try_again() == 1
    assert tell() == ["contact_created"] * 3


@pytest.mark.usefixtures("capturing")
def test_a_great_change_is_told_in_batches_past_the_limit_of_the_queue(
    acme: Workspace, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BATCH", 100)
    Workspace.objects.filter(pk=acme.pk).update(queue_limit=1)
    Contact.objects.quietly().bulk_create(Contact(workspace=acme) for _ in range(950))
    program.execute("UPDATE crm_contact SET title = 'CEO'")
    assert database.tell(seconds=0) == 100
    assert CapturedChange.objects.count() == Contact.objects.count() - 100
    assert tell() == ["contact_updated"] * 950


@pytest.mark.usefixtures("capturing")
def test_health_says_how_long_changes_wait(acme: Workspace, program: Program) -> None:
    insert(program, "crm_contact", workspace_id=acme.pk)
    program.execute("UPDATE crm_capturedchange SET changed_at = now() - interval '90 s'")
    health.forget()
    lag = health.look(anew=True)["worker"].lag_seconds
    assert lag is not None
    assert 85 < lag < 120


def test_off_captures_nothing(acme: Workspace, program: Program) -> None:
    insert(program, "crm_contact", workspace_id=acme.pk)
    assert not CapturedChange.objects.exists()
    assert tell() == []
