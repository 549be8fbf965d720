"""A deal moves: agents run with it, with the stage before and after, and only where their conditions hold."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from crm.models import Note, Opportunity, Workspace
from executions.models import Execution, Reason, Status
from tests.stories import MakeAgent, MakeTrigger

pytestmark = pytest.mark.django_db(transaction=True)
Run = Callable[[], None]
TELL = {
    "action": "create_note",
    "params": {"text": "@deal.name: @event.previous_stage to @event.new_stage"},
}


def test_the_agent_sees_the_stage_before_and_after(
    acme: Workspace, make_agent: MakeAgent, make_trigger: MakeTrigger, run_everything_due: Run
) -> None:
    make_trigger(make_agent("Teller", TELL), "deal_stage_updated")
    deal = Opportunity.objects.create(
        workspace=acme, name="Big", stage="Proposal", value=Decimal(5)
    )
    deal.name = "Bigger"
    deal.save()
    run_everything_due()
    assert not Execution.objects.exists()
    deal.stage = "Closed Won"
    deal.save()
    run_everything_due()
    assert Execution.objects.get().trigger_type == "event: deal_stage_updated"
    assert Note.objects.get().text == "Bigger: Proposal to Closed Won"


@pytest.mark.parametrize(("value", "runs"), [(5_000, False), (15_000, True)])
def test_only_large_deals(
    acme: Workspace,
    make_agent: MakeAgent,
    make_trigger: MakeTrigger,
    run_everything_due: Run,
    value: int,
    runs: bool,
) -> None:
    large = [{"field": "deal.value", "operator": "greater_than", "value": 10_000}]
    make_trigger(make_agent("Teller", TELL), "deal_stage_updated", conditions=large)
    deal = Opportunity.objects.create(
        workspace=acme, name="Deal", stage="Lead", value=Decimal(value)
    )
    Opportunity.objects.filter(pk=deal.pk).update(stage="Closed Won")
    run_everything_due()
    execution = Execution.objects.get()
    expected = (Status.COMPLETED, "") if runs else (Status.SKIPPED, Reason.CONDITION_FALSE)
    assert (execution.status, execution.reason) == expected
    assert execution.trace[0]["actual"] == value
