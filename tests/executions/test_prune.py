from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.sessions.models import Session
from django.db import connections
from pytest_django import Settings

from config.lib import clock
from config.lib.locks import Lock
from crm import retention
from crm.models import Contact, FormSubmission, Workspace
from executions import invariants, prune
from executions.models import TERMINAL, AgentStart, Alert, AlertKind, Execution, Status
from tests.executions.history import happened, ran
from tests.stories import MakeAgent, MakeTrigger
from triggers.models import DeadLetter, Event, EventState, Trigger

pytestmark = pytest.mark.django_db


@pytest.fixture
def trigger(make_agent: MakeAgent, make_trigger: MakeTrigger) -> Trigger:
    return make_trigger(make_agent("A", {"action": "notify", "params": {"message": "Hi"}}), "sale")


def test_every_ended_status_has_its_period() -> None:
    assert {status.value for status in TERMINAL} == set(retention.STATUSES)


def test_old_events_go_with_what_came_of_them(acme: Workspace, trigger: Trigger) -> None:
    old = happened(acme, days_ago=31)
    ran(old, trigger, status=Status.COMPLETED, days_ago=31)
    young = happened(acme, days_ago=29)
    prune.prune()
    assert list(Event.objects.all()) == [young]
    assert not Execution.objects.exists()


@pytest.mark.parametrize("status", sorted(set(Status) - TERMINAL))
def test_what_has_not_ended_stays(acme: Workspace, trigger: Trigger, status: str) -> None:
    event = happened(acme, days_ago=400)
    ran(event, trigger, status=status, days_ago=400)
    ran(event, trigger, status=Status.COMPLETED, days_ago=400)
    prune.prune()
    assert (Event.objects.count(), Execution.objects.count()) == (1, 2)
    event.refresh_from_db()
    assert event.payload == {"amount": 5}


def test_what_was_not_dispatched_or_was_replayed_lately_stays(
    acme: Workspace, trigger: Trigger
) -> None:
    again, new = (happened(acme, days_ago=40) for _ in range(2))
    ran(again, trigger, status=Status.COMPLETED, days_ago=40)
    ran(again, trigger, status=Status.COMPLETED, days_ago=1)
    Event.objects.filter(pk=new.pk).update(state=EventState.NEW)
    prune.prune()
    assert Event.objects.count() == 2


def test_a_status_may_be_kept_for_less_or_for_longer(acme: Workspace, trigger: Trigger) -> None:
    Workspace.objects.update(retention={"skipped": 2, "failed": 90})
    event, old = happened(acme, days_ago=3), happened(acme, days_ago=40)
    for status in (Status.SKIPPED, Status.COMPLETED):
        ran(event, trigger, status=status, days_ago=3)
    ran(old, trigger, status=Status.FAILED, days_ago=40)
    Event.objects.filter(pk=event.pk).update(executions_count=2)
    Event.objects.filter(pk=old.pk).update(executions_count=1)
    prune.prune()
    kept = Execution.objects.order_by("id").values_list("status", flat=True)
    assert list(kept) == [Status.FAILED, Status.COMPLETED]
    event.refresh_from_db()
    assert (event.executions_count, event.executions_pruned) == (2, 1)
    assert not [broken for broken in invariants.broken() if broken.name.startswith("I3")]


def test_each_workspace_has_its_own_days(acme: Workspace, other: Workspace) -> None:
    Workspace.objects.filter(pk=acme.pk).update(retention={"executions": 5, "payloads": 1})
    happened(acme, days_ago=6)
    emptied, whole = happened(acme, days_ago=2), happened(other, days_ago=6)
    prune.prune()
    assert {event.pk: event.bodies_deleted for event in Event.objects.all()} == {
        emptied.pk: "deleted after 1 day",
        whole.pk: "",
    }


def test_contents_go_first_and_the_outline_stays(acme: Workspace, trigger: Trigger) -> None:
    event = happened(acme, days_ago=8)
    execution = ran(event, trigger, status=Status.FAILED, days_ago=8)
    young = ran(happened(acme, days_ago=6), trigger, status=Status.COMPLETED, days_ago=6)
    prune.prune()
    for row in (event, execution, young):
        row.refresh_from_db()
    step = execution.steps.get()
    assert (event.payload, execution.inputs, execution.output) == ({}, {}, None)
    assert (step.request, step.response) == ({}, None)
    assert (execution.trace, execution.error_message) == ([{"field": "amount"}], "It broke.")
    assert (event.bodies_deleted, execution.bodies_deleted) == ("deleted after 7 days",) * 2
    assert (young.inputs, young.bodies_deleted) == ({"a": 1}, "")


def test_a_dead_event_keeps_its_payload_as_long_as_it_can_be_tried_again(acme: Workspace) -> None:
    event = happened(acme, days_ago=8, state=EventState.DEAD)
    prune.prune()
    event.refresh_from_db()
    assert event.payload == {"amount": 5}


def test_what_ends_late_is_found_the_next_day(acme: Workspace, trigger: Trigger) -> None:
    execution = ran(happened(acme, days_ago=20), trigger, status=Status.RUNNING, days_ago=20)
    prune.prune()
    Execution.objects.update(
        status=Status.COMPLETED, finished_at=clock.now() - dt.timedelta(days=10)
    )
    prune.prune()
    execution.refresh_from_db()
    assert not execution.bodies_deleted  # the walk of today has passed it
    prune.prune(now=clock.now() + dt.timedelta(days=1))
    execution.refresh_from_db()
    assert execution.bodies_deleted


def test_starts_sessions_spam_and_resolved_alerts_go(acme: Workspace, trigger: Trigger) -> None:
    now = clock.now()
    old, young = now - dt.timedelta(days=31), now - dt.timedelta(days=1)
    for hours in (51, 1):
        at = now - dt.timedelta(hours=hours)
        AgentStart.objects.create(
            workspace_id=trigger.agent.workspace_id, agent=trigger.agent, trigger=trigger, at=at
        )
    for at, is_spam in ((old, True), (old, False), (young, True)):
        FormSubmission.objects.create(workspace=acme, is_spam=is_spam)
        FormSubmission.objects.filter(submitted_at__gt=young).update(submitted_at=at)
    for number, resolved_at in enumerate((old, young, None)):
        key = f"loop:{number}"
        Alert.objects.create(
            workspace=acme, kind=AlertKind.LOOP, dedupe_key=key, resolved_at=resolved_at
        )
    for number, at in enumerate((now - dt.timedelta(minutes=1), now + dt.timedelta(days=1))):
        Session.objects.create(session_key=str(number), expire_date=at)
    assert prune.prune() == 4
    assert (AgentStart.objects.count(), FormSubmission.objects.count()) == (1, 2)
    assert (Alert.objects.count(), Session.objects.count()) == (2, 1)


def test_letters_that_were_written_to_files_go(
    acme: Workspace, settings: Settings, tmp_path: Path
) -> None:
    settings.EMAIL_FILE_PATH = str(tmp_path)
    for name, days in (("old.log", 31), ("young.log", 29), ("other.txt", 99)):
        at = clock.now().timestamp() - days * 86_400
        (tmp_path / name).write_text("From: a")
        os.utime(tmp_path / name, (at, at))
    assert prune.prune() == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.txt", "young.log"]


def test_many_go_in_batches_and_a_pass_ends_in_time(acme: Workspace, settings: Settings) -> None:
    for _ in range(3):
        Event.objects.bulk_create(happened(acme, days_ago=31, save=False) for _ in range(400))
    settings.PRUNE_SECONDS = 0
    assert prune.prune() == 0
    settings.PRUNE_SECONDS = 60
    assert prune.prune() == 1200


@pytest.mark.django_db(transaction=True)
def test_messages_that_nobody_could_read_go_when_they_are_old(
    trigger: Trigger, settings: Settings
) -> None:
    settings.DEAD_LETTER_DAYS = 10
    for days in (9, 11, 300):
        at = clock.now() - dt.timedelta(days=days)
        DeadLetter.objects.create(trigger=trigger, key=str(days), is_dead=days != 300, at=at)
    assert prune.prune() == 2
    assert DeadLetter.objects.get().key == "9"


def test_only_one_prunes_at_a_time(acme: Workspace) -> None:
    happened(acme, days_ago=31)
    other = connections.create_connection("default")
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [Lock.PRUNE.value])
            assert prune.prune() == 0
            cursor.execute("SELECT pg_advisory_unlock(%s)", [Lock.PRUNE.value])
    finally:
        other.close()
    assert prune.prune() == 1


@pytest.mark.django_db(transaction=True)
def test_a_row_that_somebody_holds_is_left_for_later(acme: Workspace) -> None:
    event = happened(acme, days_ago=31)
    other = connections.create_connection("default")
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute(
                "SELECT 1 FROM triggers_event WHERE id = %s FOR NO KEY UPDATE", [event.pk]
            )
        assert prune.prune() == 0
        other.rollback()
    finally:
        other.close()
    assert prune.prune(now=clock.now() + dt.timedelta(days=1)) == 1


@pytest.mark.django_db(transaction=True)
def test_the_invariants_hold_afterwards(
    acme: Workspace,
    make_agent: MakeAgent,
    make_trigger: MakeTrigger,
    run_everything_due: Callable[[], None],
) -> None:
    for name in ("A", "B"):
        agent = make_agent(name, {"action": "create_note", "params": {"text": "Hello"}})
        make_trigger(agent, "contact_created")
    for number in range(5):
        Contact.objects.create(workspace=acme, first_name=f"Person {number}")
    run_everything_due()
    Workspace.objects.update(retention={"completed": 10})
    long_ago = clock.now() - dt.timedelta(days=40)
    Contact.objects.all().quietly().update(created_at=long_ago)
    Trigger.objects.update(created_at=long_ago)
    for days, left in ((8, 10), (11, 0), (31, 0)):
        prune.prune(now=clock.now() + dt.timedelta(days=days))
        assert Execution.objects.count() == left
        assert not list(invariants.broken())
    assert not Event.objects.exists()
