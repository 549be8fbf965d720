"""Inputs that a model reads, where a run is begun again, is held or out of time, or is started by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from config.lib import clock
from executions import filling, launch, replay, sweep
from executions.models import AgentGate, Execution, Reason, Spending, Status, Step, StepState
from tests.agents.modelserver import Fault, ModelServer
from tests.executions.offers import AMOUNT, PLACE, TEXT, Offer, answer, asked_schema, ended

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_retry_takes_the_values_from_the_journal(
    offer: Offer, brain: ModelServer, act: Callable[..., None]
) -> None:
    from agents.actions import ActionFailed, Scene

    seen: list[Any] = []

    async def shaky(scene: Scene, params: dict[str, Any]) -> dict[str, Any]:
        seen.append(params["amount"])
        if len(seen) == 1:
            raise ActionFailed("Not now.", retryable=True)
        return {}

    act("shaky", shaky)
    run = offer(
        {"amount": AMOUNT}, steps=[{"action": "shaky", "params": {"amount": "@inputs.amount"}}]
    )
    brain.say(answer(amount=1200), answer(amount=999))
    assert ended(run).status == Status.RETRYING
    Execution.objects.update(run_at=clock.now())
    sweep.sweep()
    assert ended(run).status == Status.COMPLETED, run.error_message
    assert seen == [1200, 1200]
    assert len(brain.asked) == 1


def test_a_crash_after_the_answer_asks_nobody_again(offer: Offer, brain: ModelServer) -> None:
    """The worker died when the step was written down and the row did not yet have the values."""
    run = offer({"amount": AMOUNT})
    brain.say(answer(amount=1200))
    ended(run)
    Step.objects.filter(number__gt=0).delete()
    bare = {name: value for name, value in run.inputs.items() if name != "amount"}
    again = {"status": Status.QUEUED, "resumes": True, "finished_at": None, "inputs": bare}
    Execution.objects.filter(pk=run.pk).update(**again)
    AgentGate.objects.update(next_eligible_at=clock.now())
    assert ended(run).status == Status.COMPLETED, run.error_message
    assert run.inputs["amount"] == 1200
    assert len(brain.asked) == 1


def test_a_crash_before_the_answer_asks_again(offer: Offer, brain: ModelServer) -> None:
    run = offer({"amount": AMOUNT})
    Step.objects.create(
        execution=run, number=0, kind="extract", effect="repeatable", state=StepState.STARTED,
        idempotency_key=f"{run.pk}:0", started_at=clock.now(),
    )  # fmt: skip
    Execution.objects.update(resumes=True, attempt=1)
    brain.say(answer(amount=1200))
    assert ended(run).status == Status.COMPLETED, run.error_message
    assert [step.number for step in run.steps.order_by("number")] == [0, 1]


def test_an_outage_holds_or_repeats_the_run(offer: Offer, brain: ModelServer) -> None:
    run = offer({"amount": AMOUNT})
    brain.say(Fault.SERVER_ERROR)
    assert ended(run).status == Status.RETRYING
    brain.say(answer(amount=1200))
    Execution.objects.update(run_at=clock.now())
    sweep.sweep()
    assert ended(run).status == Status.COMPLETED, run.error_message
    assert run.inputs["amount"] == 1200


def test_the_run_ends_in_time(offer: Offer, brain: ModelServer) -> None:
    run = offer({"amount": AMOUNT}, agent={"restrictions": {"timeout_seconds": 1}})
    brain.say(Fault.SILENT)
    assert ended(run).status == Status.TIMED_OUT


def test_a_days_budget_holds_it(offer: Offer, brain: ModelServer) -> None:
    run = offer({"amount": AMOUNT}, agent={"restrictions": {"max_tokens_per_day": 1}})
    assert run.agent_id is not None
    Spending.objects.create(
        workspace=run.workspace, agent_id=run.agent_id, execution_id=run.pk, model="local:small",
        input_tokens=1, output_tokens=1, at=clock.now(), is_settled=True,
    )  # fmt: skip
    assert ended(run).status == Status.QUEUED
    assert run.reason == Reason.BUDGET
    assert not brain.asked


def test_a_dry_run_asks_nobody(offer: Offer, brain: ModelServer) -> None:
    run = offer({"amount": AMOUNT, "order": "$.order"})
    assert run.trigger is not None
    told = launch.dry_run(run.trigger, payload={"order": 9})
    assert told["inputs"]["amount"] == "extracted by the model when it runs"
    assert told["inputs"]["order"] == 9
    assert not brain.asked


def test_a_test_of_the_trigger_asks_and_given_inputs_win(offer: Offer, brain: ModelServer) -> None:
    first = offer({"amount": AMOUNT, "place": PLACE})
    assert first.trigger is not None
    assert first.agent is not None
    brain.say(answer(amount=1200, place="Oslo"))
    ended(first)
    run = launch.run_now(
        first.agent, inputs={"amount": 4}, actor="user:1", is_test=True, trigger=first.trigger,
        event_payload={"mail": {"text": TEXT}},
    )  # fmt: skip
    brain.say(answer(place="Rome"))
    assert ended(run).status == Status.COMPLETED, run.error_message
    assert run.is_test
    assert (run.inputs["amount"], run.inputs["place"]) == (4, "Rome")
    assert asked_schema(brain)["required"] == ["place"]


def test_a_replay_asks_anew(offer: Offer, brain: ModelServer) -> None:
    run = offer({"amount": AMOUNT})
    brain.say(answer(amount=1200), answer(amount=1300))
    again = replay.replay(ended(run))
    assert ended(again).status == Status.COMPLETED, again.error_message
    assert again.inputs["amount"] == 1300
    run.refresh_from_db()
    assert run.inputs["amount"] == 1200


def test_a_changed_mapping_changes_no_run_that_was_decided(
    offer: Offer, brain: ModelServer
) -> None:
    run = offer({"amount": AMOUNT})
    assert run.trigger is not None
    run.trigger.input_mapping = {}
    run.trigger.save()
    brain.say(answer(amount=1200))
    assert ended(run).status == Status.COMPLETED, run.error_message
    assert run.steps.order_by("number")[0].number == filling.NUMBER
