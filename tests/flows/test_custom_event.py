"""A program tells that something happened, and an agent does what it was made for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from crm.models import Contact, Note, Workspace
from executions.models import Execution, Reason, Status
from tests.stories import MakeAgent, MakeTrigger
from triggers.sources import custom

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_event_runs_the_agent_that_listens(
    acme: Workspace,
    make_agent: MakeAgent,
    make_trigger: MakeTrigger,
    run_everything_due: Callable[[], None],
) -> None:
    contact = Contact.objects.create(workspace=acme, first_name="Ann", email="ann@example.org")
    agent = make_agent(
        "Secretary",
        {
            "action": "create_note",
            "params": {"text": "Signed @event.user.plan", "contact_id": str(contact.pk)},
        },
    )
    make_trigger(agent, "user_signed", input_mapping={"plan": "$.data.user.plan"})

    custom.emit_custom_event("user_signed", {"user": {"plan": "gold"}}, workspace_id=acme.pk)
    run_everything_due()

    execution = Execution.objects.get(trigger_type="event: user_signed")
    assert (execution.status, execution.reason, execution.error_message) == (
        Status.COMPLETED,
        "",
        "",
    )
    assert execution.inputs["plan"] == "gold"
    assert execution.steps.get().state == "done"
    assert Note.objects.get().text == "Signed gold"


def test_conditions_that_do_not_hold_are_told(
    acme: Workspace,
    make_agent: MakeAgent,
    make_trigger: MakeTrigger,
    run_everything_due: Callable[[], None],
) -> None:
    agent = make_agent("Big spender", {"action": "notify", "params": {"message": "Wow"}})
    make_trigger(
        agent,
        "order_paid",
        conditions=[{"field": "data.amount", "operator": "greater_than", "value": 100}],
    )

    custom.emit_custom_event("order_paid", {"amount": 50}, workspace_id=acme.pk)
    custom.emit_custom_event("order_paid", {"amount": 150}, workspace_id=acme.pk)
    run_everything_due()

    small, large = Execution.objects.order_by("position")
    assert (small.status, small.reason) == (Status.SKIPPED, Reason.CONDITION_FALSE)
    assert small.trace[0]["actual"] == 50
    assert large.status == Status.COMPLETED
