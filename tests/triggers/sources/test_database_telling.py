"""Captured changes are told in order and in batches, whatever is in them and however many tell."""

from __future__ import annotations

import threading

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.lib.locks import Lock
from crm import capture
from crm.models import CapturedChange, Contact, Workspace
from crm.models.captured import MAX_ATTEMPTS
from executions import health, sweep
from executions.models import Alert
from tests.triggers.sources.writing import Program, insert, tell
from triggers.models import Event
from triggers.sources import database

pytestmark = pytest.mark.django_db(transaction=True)


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
def test_old_rows_may_be_deleted_meanwhile(acme: Workspace, program: Program) -> None:
    program.execute("SELECT pg_advisory_lock(%s)", [Lock.PRUNE.value])
    insert(program, "crm_contact", workspace_id=acme.pk, first_name="Ann")
    assert tell() == ["contact_created"]


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
