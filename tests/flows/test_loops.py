"""An agent whose own work would start it again: it runs once, and everyone can see why not twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

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
