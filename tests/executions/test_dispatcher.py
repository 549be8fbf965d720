from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from agents.models import Agent, AgentStatus
from crm.models import Workspace
from executions import deciding, dispatcher
from executions.models import Alert, AlertKind, Execution, Reason, Status
from tests.stories import MakeAgent, MakeTrigger
from triggers import events
from triggers.models import Event, EventState, Trigger, TriggerStatus

pytestmark = pytest.mark.django_db(transaction=True)
Count = Callable[..., AbstractContextManager[Any]]

STATEMENTS_PER_BATCH = 13  # the transaction's own two included; whatever the number of events


@pytest.fixture
def trigger(make_agent: MakeAgent, make_trigger: MakeTrigger) -> Trigger:
    return make_trigger(
        make_agent("Greeter", {"action": "notify", "params": {"message": "Hi"}}), "sale_made"
    )


def emit(workspace: Workspace, name: str = "sale_made", **payload: Any) -> Event:
    return events.emit(name, workspace_id=workspace.pk, payload=payload)


def test_every_event_is_answered_for(acme: Workspace, trigger: Trigger) -> None:
    heard, unheard = emit(acme), emit(acme, "nobody_listens")
    assert dispatcher.dispatch() == 2
    assert Execution.objects.get().event_id == heard.pk
    counts = dict(Event.objects.values_list("pk", "executions_count"))
    assert counts == {heard.pk: 1, unheard.pk: 0}
    assert not Event.objects.exclude(state=EventState.MATCHED).exists()


def test_the_number_of_statements_does_not_depend_on_the_number_of_events(
    acme: Workspace, trigger: Trigger
) -> None:
    emit(acme)
    dispatcher.dispatch()  # the gates exist from here on
    for events_in_batch in (1, 30):
        for _ in range(events_in_batch):
            emit(acme)
        with CaptureQueriesContext(connection) as seen:
            assert (
                dispatcher._batch(lambda: Event.objects.waiting(100), now=None) == events_in_batch
            )
        assert len(seen) <= STATEMENTS_PER_BATCH, [query["sql"][:80] for query in seen]


def test_other_workspaces_do_not_hear(other: Workspace, trigger: Trigger) -> None:
    emit(other)
    dispatcher.dispatch()
    assert not Execution.objects.exists()


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (AgentStatus.PAUSED, Reason.AGENT_PAUSED),
        (AgentStatus.DRAFT, Reason.AGENT_NOT_LIVE),
        (AgentStatus.ARCHIVED, Reason.AGENT_NOT_LIVE),
    ],
)
def test_an_agent_that_is_not_live_is_skipped_with_the_reason(
    acme: Workspace, trigger: Trigger, status: str, reason: str
) -> None:
    Agent.objects.update(status=status)
    emit(acme)
    dispatcher.dispatch()
    execution = Execution.objects.get()
    assert (execution.status, execution.reason) == (Status.SKIPPED, reason)
    assert execution.started_at is not None
    assert execution.finished_at is not None


@pytest.mark.parametrize(
    ("status", "reason"),
    [(TriggerStatus.PAUSED, Reason.TRIGGER_DISABLED), (TriggerStatus.ERROR, Reason.TRIGGER_ERROR)],
)
def test_a_trigger_that_is_off_is_skipped_with_the_reason(
    acme: Workspace, trigger: Trigger, status: str, reason: str
) -> None:
    Trigger.objects.update(status=status)
    emit(acme)
    dispatcher.dispatch()
    assert Execution.objects.get().reason == reason


def test_wildcards_hear_their_prefix(
    acme: Workspace, make_agent: MakeAgent, make_trigger: MakeTrigger
) -> None:
    agent = make_agent("Clerk", {"action": "notify", "params": {"message": "Hi"}})
    make_trigger(agent, "lease.*")
    emit(acme, "lease.signed")
    emit(acme, "leasehold.signed")
    dispatcher.dispatch()
    assert Execution.objects.get().event.type == "lease.signed"


def test_cooldown_counts_from_the_last_accepted_event(acme: Workspace, trigger: Trigger) -> None:
    Trigger.objects.update(cooldown_seconds=3600)
    emit(acme)
    emit(acme)
    dispatcher.dispatch()
    emit(acme)
    dispatcher.dispatch()
    outcomes = list(Execution.objects.order_by("position").values_list("status", "reason"))
    assert outcomes == [
        (Status.QUEUED, ""),
        (Status.SKIPPED, Reason.COOLDOWN),
        (Status.SKIPPED, Reason.COOLDOWN),
    ]


def test_a_switched_off_service_records_and_catches_up(
    acme: Workspace, trigger: Trigger, settings: Any
) -> None:
    settings.TRIGGERS_ENABLED = False
    emit(acme)
    assert dispatcher.dispatch() == 0
    settings.TRIGGERS_ENABLED = True
    assert dispatcher.dispatch() == 1
    assert Execution.objects.count() == 1


def test_a_rolled_back_event_never_happened(acme: Workspace, trigger: Trigger) -> None:
    with transaction.atomic():
        emit(acme)
        transaction.set_rollback(True)
    assert dispatcher.dispatch() == 0
    assert not Event.objects.exists()


def test_a_bad_event_stays_alone_and_dies_after_five_tries(
    acme: Workspace, trigger: Trigger, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = emit(acme, broken=True)
    worse = emit(acme, broken=True)
    good = emit(acme)
    decide = deciding.decide

    def refuse_bad(event: Event, *args: Any, **kwargs: Any) -> Any:
        if event.payload.get("broken"):
            raise ValueError("cannot be decided")
        return decide(event, *args, **kwargs)

    monkeypatch.setattr(deciding, "decide", refuse_bad)
    for _ in range(dispatcher.MAX_ATTEMPTS):
        dispatcher.dispatch()
    bad.refresh_from_db()
    worse.refresh_from_db()
    assert worse.state == EventState.DEAD
    assert (bad.state, bad.error) == (EventState.DEAD, "ValueError: cannot be decided")
    assert Execution.objects.get().event_id == good.pk
    assert Alert.objects.get().kind == AlertKind.DEAD_EVENT  # one for all that die of the same


def failing_with(monkeypatch: pytest.MonkeyPatch, sql: str) -> None:
    """From here on the database refuses each batch with the error that `sql` gives."""

    def refuse(*args: Any, **kwargs: Any) -> Any:
        with connection.cursor() as cursor:
            cursor.execute(sql)

    monkeypatch.setattr(deciding, "decide", refuse)


def test_an_event_is_not_blamed_for_a_lock(
    acme: Workspace, trigger: Trigger, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = emit(acme)
    failing_with(monkeypatch, "DO $$ BEGIN RAISE lock_not_available; END $$")
    for _ in range(dispatcher.MAX_ATTEMPTS + 1):
        dispatcher.dispatch()
    assert dispatcher._one_by_one(now=None) == 0
    event.refresh_from_db()
    assert (event.state, event.attempts) == (EventState.NEW, 0)


def test_an_event_that_the_database_cannot_take_does_not_block_the_others(
    acme: Workspace, trigger: Trigger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL calls this operational too, and Django an OperationalError."""
    event = emit(acme)
    failing_with(monkeypatch, "DO $$ BEGIN RAISE statement_too_complex; END $$")
    for _ in range(dispatcher.MAX_ATTEMPTS):
        dispatcher.dispatch()
    event.refresh_from_db()
    assert event.state == EventState.DEAD


def test_an_event_that_is_deleted_meanwhile_is_nobodys_error(
    acme: Workspace, trigger: Trigger, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = emit(acme)

    def vanish(*args: Any, **kwargs: Any) -> Any:
        raise ValueError("cannot be decided")

    monkeypatch.setattr(deciding, "decide", vanish)
    real = Event.objects.count_attempt
    monkeypatch.setattr(
        type(Event.objects), "count_attempt", lambda self, ids: real(ids) and gone.delete()
    )
    assert dispatcher.dispatch() == 0
    assert not Alert.objects.exists()


def test_a_second_dispatcher_waits_its_turn(acme: Workspace, trigger: Trigger) -> None:
    """Two at once make one execution: the advisory lock lets one through."""
    import threading

    for _ in range(40):
        emit(acme)
    made: list[int] = []

    def run() -> None:
        made.append(dispatcher.dispatch())
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(made) == 40
    assert Execution.objects.count() == 40
