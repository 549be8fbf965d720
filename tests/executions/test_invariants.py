"""Each invariant finds what breaks it, and a quiet system breaks none."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from config.lib import clock
from crm.models import Contact, Workspace
from executions import invariants
from executions.models import AgentStart, Execution, TriggerGate
from tests.stories import MakeAgent, MakeTrigger
from triggers.models import Event

pytestmark = pytest.mark.django_db(transaction=True)


def names(**more: list[uuid.UUID]) -> set[str]:
    return {broken.name.split()[0] for broken in invariants.broken(**more)}


@pytest.fixture
def ran(
    acme: Workspace,
    make_agent: MakeAgent,
    make_trigger: MakeTrigger,
    run_everything_due: Callable[[], None],
) -> Execution:
    """One contact, one completed run."""
    make_trigger(
        make_agent("A", {"action": "notify", "params": {"message": "Hi"}}), "contact_created"
    )
    Contact.objects.create(workspace=acme)
    run_everything_due()
    return Execution.objects.get()


def test_a_quiet_system_breaks_none(ran: Execution) -> None:
    assert names(accepted=[ran.event_id]) == set()


def test_an_accepted_event_that_is_gone(ran: Execution) -> None:
    assert names(accepted=[uuid.uuid4()]) == {"I1"}


def test_a_contact_without_its_event(ran: Execution, acme: Workspace) -> None:
    Contact.objects.all().quietly().bulk_create([Contact(workspace=acme)])
    assert names() == {"I2"}


def test_an_event_without_its_execution(ran: Execution) -> None:
    Event.objects.update(executions_count=2)
    assert names() == {"I3"}


def test_an_end_that_was_counted_twice(ran: Execution) -> None:
    TriggerGate.objects.update(successful_executions=2)
    assert names() == {"I4"}


def test_a_running_row_that_nobody_holds(ran: Execution) -> None:
    Execution.objects.update(status="running", finished_at=None, lease=None)
    assert names() == {"I4", "I5"}, "it was counted as completed, too"


def test_too_many_starts(ran: Execution) -> None:
    now = clock.now()
    AgentStart.objects.bulk_create(
        AgentStart(workspace_id=ran.workspace_id, agent=ran.agent, trigger=ran.trigger, at=now)
        for _ in range(11)
    )
    assert names() == {"I6"}


def test_an_ended_row_that_still_waits(ran: Execution) -> None:
    Execution.objects.update(run_at=clock.now())
    assert names() == {"I8"}
