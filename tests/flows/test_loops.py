"""An agent whose own work would start it again: it runs once, and everyone can see why not twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytest_django import Settings

from crm.models import Contact, Workspace
from executions.models import Alert, AlertKind, Execution, Reason, Status
from tests.stories import MakeAgent, MakeTrigger
from triggers.models import Event
from triggers.sources import custom

pytestmark = pytest.mark.django_db(transaction=True)
Run = Callable[[], None]


def test_an_agent_that_changes_what_it_listens_to_runs_once(
    acme: Workspace, make_agent: MakeAgent, make_trigger: MakeTrigger, run_everything_due: Run
) -> None:
    step = {"action": "update_contact", "params": {"title": "@contact.title!"}}
    make_trigger(make_agent("Editor", step), "contact_updated")
    contact = Contact.objects.create(workspace=acme, title="CEO")
    contact.title = "Boss"
    contact.save()
    run_everything_due()
    first, second = Execution.objects.order_by("position")
    assert first.status == Status.COMPLETED
    assert (second.status, second.reason) == (Status.SKIPPED, Reason.LOOP_GUARD)
    assert second.event.parent_execution_id == first.pk
    assert second.event.depth == 1
    assert second.event.root_id == first.event.root_id
    assert Alert.objects.get().kind == AlertKind.LOOP


def test_reentry_where_allowed_ends_at_depth_five(
    acme: Workspace, make_agent: MakeAgent, make_trigger: MakeTrigger, run_everything_due: Run
) -> None:
    step = {"action": "emit_event", "params": {"name": "echo", "data": {}}}
    make_trigger(make_agent("Echo", step), "echo", allow_reentry=True)
    custom.emit_custom_event("echo", {}, workspace_id=acme.pk)
    run_everything_due()
    assert Execution.objects.filter(status=Status.COMPLETED).count() == 6  # depth 0 to 5
    assert Execution.objects.get(status=Status.SKIPPED).reason == Reason.LOOP_GUARD
    assert max(Event.objects.values_list("depth", flat=True)) == 6


def test_one_first_event_leads_to_so_many_runs(
    acme: Workspace,
    make_agent: MakeAgent,
    make_trigger: MakeTrigger,
    run_everything_due: Run,
    settings: Settings,
) -> None:
    """Each run emits twice: 1, 2, 4 ... runs, where re-entry is allowed."""
    settings.LOOP_MAX_RUNS_PER_ROOT = 10
    step = {"action": "emit_event", "params": {"name": "echo", "data": {}}}
    limits = {"max_executions_per_minute": None}
    make_trigger(
        make_agent("Echo", step, step, restrictions=limits),
        "echo",
        allow_reentry=True,
        max_executions_per_hour=None,
    )
    custom.emit_custom_event("echo", {}, workspace_id=acme.pk)
    run_everything_due()
    assert Execution.objects.filter(status=Status.COMPLETED).count() == 10
    stopped = Execution.objects.filter(status=Status.SKIPPED)
    assert {one.reason for one in stopped} == {Reason.LOOP_GUARD}
    assert {one.trace[0]["bound"] for one in stopped} <= {"runs_per_root", "depth"}
    assert Alert.objects.count() == 1


def test_a_record_that_comes_back_again_and_again_is_stopped(
    acme: Workspace, make_agent: MakeAgent, make_trigger: MakeTrigger, run_everything_due: Run
) -> None:
    """Another system answers each run by changing the contact: no event has a cause."""
    limits = {"max_executions_per_minute": None}
    notify = {"action": "notify", "params": {"message": "Hi"}}
    make_trigger(make_agent("Sync", notify, restrictions=limits), "contact_updated")
    contact = Contact.objects.create(workspace=acme, title="0")
    other = Contact.objects.create(workspace=acme, title="0")
    for number in range(1, 14):
        contact.title = str(number)
        contact.save()
        run_everything_due()
    other.title = "1"
    other.save()
    run_everything_due()
    runs = Execution.objects.filter(event__subject=f"contact:{contact.pk}")
    assert runs.filter(status=Status.COMPLETED).count() == 10
    stopped = runs.filter(reason=Reason.LOOP_GUARD)
    assert {one.trace[0]["bound"] for one in stopped} == {"runs_per_subject"}
    assert stopped.count() == 3
    assert Alert.objects.count() == 1
    assert Execution.objects.get(event__subject=f"contact:{other.pk}").status == Status.COMPLETED
