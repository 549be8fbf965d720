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

from config.lib import clock
from crm.models import Workspace
from executions import dispatcher, finish, launch, queue, replay
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
            _until_somebody_waits()
            yield
    finally:
        thread.join(10)
    assert raised == []


def _until_somebody_waits() -> None:
    for _ in range(200):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(WAITING)
            if cursor.fetchone()[0]:
                return
        threading.Event().wait(0.02)
    raise AssertionError("nobody waits")


def lock_trigger_gate(pk: uuid.UUID | None) -> None:
    TriggerGate.objects.select_for_update().get(trigger=pk)


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
