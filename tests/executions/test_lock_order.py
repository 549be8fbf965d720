"""Two who change the same rows at the same moment: one waits for the other, and neither is turned away."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction
from rest_framework.test import APIClient

from agents.models import Agent
from config.lib import clock
from crm.models import Workspace
from executions import dispatcher, finish, launch, queue, reaper, replay
from executions import holding as holding_hosts
from executions.models import AgentGate, Execution, Status, TriggerGate
from executions.outcome import Outcome
from tests.stories import MakeAgent, MakeTrigger
from triggers import events
from triggers.models import Event, Trigger, TriggerStatus

pytestmark = pytest.mark.django_db(transaction=True)
Run = Callable[[], None]
Start = Callable[..., Execution]
NOTIFY = {"action": "notify", "params": {"message": "Hi"}}
WAITING = """SELECT count(*) FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND datname = current_database()"""


@contextmanager
def holding(lock: Callable[[], Any], *, meanwhile: Callable[[], Any]) -> Iterator[None]:
    """A transaction that holds what `lock` locked, while `meanwhile`, in a thread, waits for it. Neither may fail."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            meanwhile()
        except BaseException as error:  # noqa: BLE001 - raised again by the test
            raised.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    try:
        with transaction.atomic(durable=True):
            lock()
            thread.start()
            _until_somebody_waits(raised)
            yield
    finally:
        thread.join(10)
    assert raised == []


def _until_somebody_waits(raised: list[BaseException]) -> None:
    for _ in range(500):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(WAITING)
            if cursor.fetchone()[0]:
                return
        threading.Event().wait(0.02)
    raise AssertionError(f"nobody waits: {raised}")


def lock_trigger_gate(pk: uuid.UUID | None) -> None:
    TriggerGate.objects.select_for_update().get(trigger=pk)


def lock_agent_gate(pk: uuid.UUID | None) -> None:
    AgentGate.objects.select_for_update().get(agent=pk)


def test_a_cancel_holds_while_its_run_goes_back_to_the_queue(start: Start) -> None:
    execution, lease = start(NOTIFY), uuid.uuid4()
    queue.claim(lease=lease, worker="w", places=1)
    later = clock.now() + dt.timedelta(seconds=5)

    def go_back() -> None:
        finish.finish([Outcome(execution, Status.RETRYING, run_at=later)], lease=lease)

    with holding(go_back, meanwhile=lambda: launch.cancel(execution)):
        """Its end is committed while the other one waits."""
    execution.refresh_from_db()
    assert execution.status == Status.CANCELLED


def test_a_trigger_is_resumed_while_its_failures_are_counted(start: Start) -> None:
    trigger = Trigger.objects.get(executions=start(NOTIFY))
    with holding(lambda: lock_trigger_gate(trigger.pk), meanwhile=lambda: launch.resume(trigger)):
        assert Trigger.objects.fail(trigger.pk, message="It fails and fails.")
    trigger.refresh_from_db()
    assert trigger.status == TriggerStatus.ACTIVE


def test_many_are_replayed_while_events_are_dispatched(
    acme: Workspace,
    make_agent: MakeAgent,
    make_trigger: MakeTrigger,
    run_everything_due: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The run of the second agent is replayed first; its gates are locked last all the same."""
    monkeypatch.setattr(replay, "_AT_ONCE", 1)
    first, second = make_agent("First", NOTIFY), make_agent("Second", NOTIFY)
    for agent in (second, first):
        make_trigger(agent, f"sale_{agent.pk}")
        events.emit(f"sale_{agent.pk}", workspace_id=acme.pk, payload={})
        run_everything_due()
    planned = replay.plan(Execution.objects.all())
    assert [one.trigger.agent_id for one in planned.again] == [second.pk, first.pk]
    with holding(
        lambda: AgentGate.objects.select_for_update().get(pk=first.pk),
        meanwhile=lambda: replay.carry_out(planned),
    ):
        lock_trigger_gate(planned.again[0].trigger.pk)
    assert Execution.objects.filter(replay_no=1).count() == 2


def test_a_run_is_replayed_while_its_event_is_marked(start: Start, run_everything_due: Run) -> None:
    """As the dispatcher: the gates, then the event."""
    execution = start(NOTIFY)
    run_everything_due()
    execution.refresh_from_db()
    gate = execution.trigger_id
    with holding(lambda: lock_trigger_gate(gate), meanwhile=lambda: replay.replay(execution)):
        Event.objects.select_for_update().get(pk=execution.event_id)
    dispatcher.dispatch()
    assert Execution.objects.filter(replay_no=1).count() == 1


@pytest.mark.parametrize("model", [Agent, Trigger, Workspace], ids=lambda model: model.__name__)
@pytest.mark.parametrize("many", [False, True], ids=["one", "many"])
def test_what_owns_gates_is_deleted_while_an_end_takes_them(
    start: Start, model: type[Any], many: bool
) -> None:
    """As an end: the agent's gate, then the run, then the trigger's."""
    execution = start(NOTIFY)
    found = {Agent: execution.agent_id, Trigger: execution.trigger_id}
    row = model.objects.get(pk=found.get(model, execution.workspace_id))
    delete = model.objects.filter(pk=row.pk).delete if many else row.delete
    with holding(lambda: lock_agent_gate(execution.agent_id), meanwhile=delete):
        Execution.objects.select_for_update().get(pk=execution.pk)
        lock_trigger_gate(execution.trigger_id)
    assert not model.objects.filter(pk=row.pk).exists()


@pytest.mark.parametrize("path", ["agents", "triggers"])
@pytest.mark.parametrize("method", ["patch", "delete"])
def test_who_edits_or_deletes_waits_for_a_claim_that_changes_the_same_row(
    start: Start, api: APIClient, path: str, method: str
) -> None:
    """A full day pauses the agent, a failure stops the trigger: each under the agent's gate."""
    execution = start(NOTIFY)
    pk = execution.agent_id if path == "agents" else execution.trigger_id
    answers: list[Any] = []

    def ask() -> None:
        answers.append(getattr(api, method)(f"/api/v1/{path}/{pk}", {"name": "New"}, "json"))

    with holding(lambda: lock_agent_gate(execution.agent_id), meanwhile=ask):
        Agent.objects.filter(executions=execution).update(status="paused")
        lock_trigger_gate(execution.trigger_id)
        Trigger.objects.filter(executions=execution).update(status=TriggerStatus.ERROR)
    assert answers[0].status_code in (200, 204)


def test_a_lost_lease_is_taken_away_while_its_worker_ends_the_run(start: Start) -> None:
    execution, lease = start(NOTIFY), uuid.uuid4()
    queue.claim(lease=lease, worker="w", places=1)
    with holding(
        lambda: lock_agent_gate(execution.agent_id), meanwhile=lambda: reaper._take_away(lease)
    ):
        finish.finish([Outcome(execution, Status.COMPLETED)], lease=lease)
    execution.refresh_from_db()
    assert execution.status == Status.COMPLETED


def test_held_runs_go_back_while_a_claim_skips_them(start: Start) -> None:
    execution = start(NOTIFY)
    Execution.objects.filter(pk=execution.pk).update(held_for="api.example.org")
    with holding(lambda: lock_agent_gate(execution.agent_id), meanwhile=holding_hosts.release):
        Execution.objects.filter(pk=execution.pk).update(reason="")
    execution.refresh_from_db()
    assert execution.held_for == ""


def test_a_trigger_is_resumed_with_what_it_skipped_while_its_events_are_dispatched(
    start: Start,
) -> None:
    execution = start(NOTIFY)
    trigger = Trigger.objects.get(executions=execution)
    with holding(
        lambda: lock_agent_gate(execution.agent_id),
        meanwhile=lambda: replay.resume_trigger(trigger),
    ):
        lock_trigger_gate(trigger.pk)
