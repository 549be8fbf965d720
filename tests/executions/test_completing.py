"""What the end of a run tells, and who hears of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agents.actions import ActionFailed
from crm.models import Contact, Workspace
from executions import dispatcher, launch
from executions.models import Alert, Execution, Reason, Status
from tests.executions.sales import emit_sales
from tests.stories import MakeAgent, MakeTrigger
from triggers.models import Event, Trigger

pytestmark = pytest.mark.django_db(transaction=True)
Run = Callable[[], None]
NOTE = {"action": "create_note", "params": {"contact": "@contact.id", "text": "Hello"}}


def test_outputs_are_handed_on(
    acme: Workspace,
    make_agent: MakeAgent,
    make_trigger: MakeTrigger,
    after: Callable[..., Trigger],
    run_everything_due: Run,
) -> None:
    first = make_agent("First", NOTE)
    tell = {"action": "create_note", "params": {"contact": "@contact.id", "text": "@inputs.noted"}}
    make_trigger(first, "contact_created")
    after(first, make_agent("Then", tell), output_mapping={"steps.1.note_id": "noted"})
    contact = Contact.objects.create(workspace=acme, email="ann@example.org")
    run_everything_due()
    one, two = Execution.objects.order_by("position")
    assert (one.status, two.status) == (Status.COMPLETED, Status.COMPLETED), two.error_message
    assert one.output is not None
    assert two.inputs["noted"] == one.output["steps"]["1"]["note_id"]
    assert two.inputs["steps"] == one.output["steps"]
    assert two.event.subject == f"contact:{contact.pk}"
    assert (two.event.parent_execution_id, two.event.depth) == (one.pk, 1)
    assert two.event.root_id == one.event.root_id
    assert two.event.payload["result"] == "success"


@pytest.mark.parametrize(
    ("status", "runs"),
    [("success", 0), ("failed", 1), ("any", 1)],
    ids=["success", "failed", "any"],
)
def test_a_failure_is_heard_by_who_asked_for_it(
    acme: Workspace,
    make_agent: MakeAgent,
    make_trigger: MakeTrigger,
    after: Callable[..., Trigger],
    run_everything_due: Run,
    act: Callable[..., None],
    status: str,
    runs: int,
) -> None:
    def refuse(scene: Any, values: Any) -> None:
        raise ActionFailed("No.")

    act("refuse", refuse)
    first = make_agent("First", {"action": "refuse"})
    make_trigger(first, "sale")
    after(first, make_agent("Then"), status=status)
    emit_sales(acme, 1)
    run_everything_due()
    assert Execution.objects.filter(agent__name="Then").count() == runs
    told = Event.objects.filter(type="agent_completed")
    assert [one.payload["error_message"] for one in told] == ["No."] * runs


def test_a_cancelled_run_is_heard_where_any_end_is(
    acme: Workspace,
    make_agent: MakeAgent,
    make_trigger: MakeTrigger,
    after: Callable[..., Trigger],
    run_everything_due: Run,
) -> None:
    first = make_agent("First", {"action": "wait", "params": {"seconds": 3600}})
    make_trigger(first, "sale")
    after(first, make_agent("Then"), status="any")
    emit_sales(acme, 1)
    run_everything_due()
    assert launch.cancel(Execution.objects.get())
    assert Event.objects.get(type="agent_completed").payload["result"] == "cancelled"


def test_a_run_that_never_began_has_no_end(
    acme: Workspace,
    make_agent: MakeAgent,
    make_trigger: MakeTrigger,
    after: Callable[..., Trigger],
) -> None:
    first = make_agent("First")
    make_trigger(first, "sale")
    after(first, make_agent("Then"), status="any")
    emit_sales(acme, 1)
    dispatcher.dispatch()
    assert launch.cancel(Execution.objects.get())
    assert not Event.objects.filter(type="agent_completed").exists()


def test_a_test_tells_nobody(
    make_agent: MakeAgent, after: Callable[..., Trigger], run_everything_due: Run
) -> None:
    first = make_agent("First")
    after(first, make_agent("Then"), status="any")
    launch.run_now(first, inputs={}, actor="user:1", is_test=True)
    run_everything_due()
    assert Execution.objects.get().status == Status.COMPLETED
    assert not Event.objects.filter(type="agent_completed").exists()


def test_a_circle_ends_and_is_told(
    acme: Workspace,
    make_agent: MakeAgent,
    make_trigger: MakeTrigger,
    after: Callable[..., Trigger],
    run_everything_due: Run,
) -> None:
    """One that was not refused, as one trigger allowed it: each other trigger fires once."""
    a, b = make_agent("A"), make_agent("B")
    make_trigger(a, "sale")
    after(a, b)
    after(b, a, allow_reentry=True)
    emit_sales(acme, 1)
    run_everything_due()
    rows = Execution.objects.order_by("position")
    assert [(one.agent_name, one.status) for one in rows] == [
        ("A", Status.COMPLETED), ("B", Status.COMPLETED), ("A", Status.COMPLETED), ("B", Status.SKIPPED),
    ]  # fmt: skip
    assert rows[3].reason == Reason.LOOP_GUARD
    assert Alert.objects.count() == 1


def test_who_watches_runs_is_not_watched(
    acme: Workspace, make_agent: MakeAgent, make_trigger: MakeTrigger, run_everything_due: Run
) -> None:
    make_trigger(make_agent("Worker"), "sale")
    make_trigger(make_agent("Watch"), "execution.completed")
    make_trigger(make_agent("All"), "*")
    emit_sales(acme, 1)
    run_everything_due()
    names = Execution.objects.order_by("position").values_list("agent_name", flat=True)
    assert sorted(names) == ["All", "Watch", "Watch", "Worker"]  # the ends of Worker and All
    assert not Alert.objects.exists()
    assert not Execution.objects.exclude(status=Status.COMPLETED).exists()
