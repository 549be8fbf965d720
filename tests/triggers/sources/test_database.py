"""What another program changes in the database is told once."""

from __future__ import annotations

import datetime as dt
import uuid

import psycopg
import pytest
from django.contrib.auth.models import User

from crm.models import CapturedChange, Contact, Form, FormSubmission, Membership, Workspace
from tests.triggers.sources.writing import AT, Program, forget, insert, tell
from triggers.models import Event

pytestmark = pytest.mark.django_db(transaction=True)


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


def test_off_captures_nothing(acme: Workspace, program: Program) -> None:
    insert(program, "crm_contact", workspace_id=acme.pk)
    assert not CapturedChange.objects.exists()
    assert tell() == []
