"""What the end of a run costs where nobody listens, and what it tells where somebody does."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

import executions
from agents.actions import ActionFailed
from agents.models import Agent
from crm.models import Contact, Workspace
from executions import dispatcher, finish, launch, queue
from executions.models import Alert, Execution, Reason, Status
from executions.outcome import Outcome
from tests.stories import MakeAgent, MakeTrigger
from triggers import events
from triggers.models import Event, Trigger

pytestmark = pytest.mark.django_db(transaction=True)
Run = Callable[[], None]
NOTE = {"action": "create_note", "params": {"contact": "@contact.id", "text": "Hello"}}


@pytest.fixture
def after(make_trigger: MakeTrigger) -> Callable[..., Trigger]:
    """`after(first, then, status="any")`: `then` runs when a run of `first` has ended."""

    def make(first: Agent, then: Agent, *, allow_reentry: bool = False, **config: Any) -> Trigger:
        return make_trigger(
            then,
            f"end of {first.name}",
            trigger_type="agent_completed",
            allow_reentry=allow_reentry,
            config={"source_agent_id": str(first.pk), **config},
        )

    return make


def begun(count: int) -> tuple[list[Execution], uuid.UUID]:
    """Runs that are under way, as the executor holds them."""
    dispatcher.dispatch()
    lease = uuid.uuid4()
    ids = queue.claim(lease=lease, worker="w", places=count)
    rows = Execution.objects.select_related("event", "agent").filter(pk__in=ids)
    return list(rows.order_by("position")), lease


def queries_of_a_finish(executions: list[Execution], lease: uuid.UUID) -> int:
    outcomes = [
        Outcome(one, Status.COMPLETED, output={"steps": {"1": {"id": "7"}}}) for one in executions
    ]
    with CaptureQueriesContext(
        connection,
    ) as seen:
        assert finish.finish(outcomes, lease=lease) == len(executions)
    return len([one for one in seen if not one["sql"].startswith(("SAVEPOINT", "RELEASE"))])


def emit_sales(workspace: Workspace, count: int) -> None:
    payload = {"contact": {"id": "c1", "email": "ann@example.org"}}
    for _ in range(count):
        events.emit("sale", workspace_id=workspace.pk, payload=payload, subject="contact:c1")


def test_nobody_listens_nothing_is_asked(
    acme: Workspace,
    make_agent: MakeAgent,
    make_trigger: MakeTrigger,
    after: Callable[..., Trigger],
) -> None:
    first = make_agent("First", restrictions={"max_executions_per_minute": None})
    make_trigger(first, "sale", max_executions_per_hour=None)
    after(make_agent("Another"), make_agent("Then"))  # listens to somebody else
    emit_sales(acme, 6)
    held, lease = begun(6)
    alone = queries_of_a_finish(held[:1], lease)
    together = queries_of_a_finish(held[1:], lease)
    assert alone == together == 5  # begin, wake the gates, the ends, the figures, commit
    assert not Event.objects.exclude(type="sale").exists()


def test_somebody_listens_two_more_for_any_number(
    acme: Workspace,
    make_agent: MakeAgent,
    make_trigger: MakeTrigger,
    after: Callable[..., Trigger],
) -> None:
    first = make_agent("First", restrictions={"max_executions_per_minute": None})
    make_trigger(first, "sale", max_executions_per_hour=None)
    after(first, make_agent("Then"))
    emit_sales(acme, 6)
    held, lease = begun(6)
    assert queries_of_a_finish(held, lease) == 7  # the listeners, one INSERT
    assert Event.objects.filter(type="agent_completed").count() == 6


def test_a_claim_asks_nothing_more(
    acme: Workspace, make_agent: MakeAgent, make_trigger: MakeTrigger
) -> None:
    make_trigger(make_agent("First"), "sale")
    emit_sales(acme, 2)
    dispatcher.dispatch()
    with CaptureQueriesContext(connection) as seen:
        queue.claim(lease=uuid.uuid4(), worker="w", places=1)
    unheard = len(seen)
    make_trigger(make_agent("Watch"), "execution.started")
    with CaptureQueriesContext(connection) as seen:
        queue.claim(lease=uuid.uuid4(), worker="w", places=1)
    assert len(seen) == unheard + 3  # the run with its event, the listeners, the INSERT
    assert Event.objects.get(type="execution.started").payload["status"] == "running"


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


def test_programs_tell_of_runs_elsewhere(
    acme: Workspace, make_agent: MakeAgent, after: Callable[..., Trigger], run_everything_due: Run
) -> None:
    first, then = make_agent("First"), make_agent("Then")
    assert executions.completed(first, "run-1") is None
    assert not Event.objects.exists()
    after(first, then)
    outputs = {"total": 3}
    event = executions.completed(first, "run-2", outputs=outputs)
    again = executions.completed(first, "run-2", outputs={"total": 4})
    assert event is not None
    assert event == again
    assert event.payload["agent_name"] == "First"
    assert executions.completed(first, "run-3", status="failed", error_message="No.") is None
    run_everything_due()
    assert Execution.objects.get().inputs["total"] == 3
    assert Execution.objects.get().trigger_type == "agent completed: success"


def test_a_program_that_rolls_back_has_told_nothing(
    make_agent: MakeAgent, after: Callable[..., Trigger]
) -> None:
    first = make_agent("First")
    after(first, make_agent("Then"), status="any")
    with suppress(LookupError), transaction.atomic():
        assert executions.completed(first, uuid.uuid4(), status="failed")
        raise LookupError
    assert not Event.objects.exists()
    assert executions.completed(first, uuid.uuid4(), status="cancelled")


def test_telling_costs_two_queries(
    make_agent: MakeAgent,
    after: Callable[..., Trigger],
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    first = make_agent("First")
    with django_assert_num_queries(1):  # who listens
        executions.completed(first, "run-1")
    after(first, make_agent("Then"))
    with django_assert_num_queries(2):  # the INSERT
        executions.completed(first, "run-1")
    with django_assert_num_queries(3):  # the first one
        executions.completed(first, "run-1")


@pytest.mark.parametrize("run_id", ["", "x" * 201, "a\x00b", "two\nlines"])
def test_a_run_needs_an_id(make_agent: MakeAgent, run_id: str) -> None:
    with pytest.raises(ValueError, match="not the id of a run"):
        executions.completed(make_agent("First"), run_id)


def test_a_run_ends_in_one_of_three_ways(make_agent: MakeAgent) -> None:
    other: Any = "done"
    with pytest.raises(ValueError, match="success, failed or cancelled"):
        executions.completed(make_agent("First"), "run-1", status=other)


def test_the_package_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="notify"):
        executions.notify  # noqa: B018 - looking it up is the test


def test_it_can_be_imported_before_the_apps_are_ready() -> None:
    """An app's own modules may name it at their top."""
    script = "import executions, sys; assert 'executions.models' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)
