"""What stays of attempts that failed: prompt, answer and error, each as it was then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from agents import blueprint
from agents.models import Agent, AgentStatus
from config.lib import clock
from crm.models import Contact, Workspace
from executions import statements, sweep
from executions.models import Execution, Status, Step, StepState
from tests.agents.models import MakeProvider
from tests.agents.modelserver import Fault, ModelServer, Say
from tests.stories import MakeTrigger

pytestmark = pytest.mark.django_db(transaction=True)
SCORED = {"type": "object", "properties": {"score": {"type": "integer"}}, "required": ["score"]}


@pytest.fixture
def think(
    acme: Workspace,
    make_provider: MakeProvider,
    make_trigger: MakeTrigger,
    run_everything_due: Callable[[], None],
) -> Callable[..., Execution]:
    """`think(...)`: an agent with these fields has heard of a contact, and made its first attempt."""

    def begin(**fields: Any) -> Execution:
        make_provider()
        agent = Agent(workspace=acme, status=AgentStatus.LIVE)
        given = {"name": "Thinker", "model": "local:small", **fields}
        blueprint.store(agent, given)
        Agent.objects.update(restrictions={**agent.restrictions, "max_attempts": 9})
        make_trigger(agent, "contact_created")
        Contact.objects.create(workspace=acme, first_name="Ann", email="ann@example.org")
        run_everything_due()
        return Execution.objects.get()

    return begin


def try_again(run_everything_due: Callable[[], None]) -> None:
    Execution.objects.filter(status=Status.RETRYING).update(run_at=clock.now())
    sweep.sweep()
    run_everything_due()


def test_each_attempt_keeps_its_prompt_and_error(
    think: Callable[..., Execution],
    brain: ModelServer,
    api: APIClient,
    owner: Any,
    run_everything_due: Callable[[], None],
) -> None:
    brain.say(Fault.SERVER_ERROR)
    run = think(instructions="Judge the first time.")
    assert run.status == Status.RETRYING
    Agent.objects.update(instructions="Judge the second time.")
    brain.say(Say("All done."))
    try_again(run_everything_due)
    run.refresh_from_db()
    assert run.status == Status.COMPLETED, run.error_message

    step = run.steps.get()
    (first,) = step.earlier
    assert (step.attempt, step.state, first["attempt"]) == (2, StepState.DONE, 1)
    assert first["request"]["instructions"] == "Judge the first time."
    assert first["request"]["data"]["contact"]["first_name"] == "Ann"
    assert first["error_message"]
    request: Any = step.request
    assert request["instructions"] == "Judge the second time."

    told: Any = api.get(f"/api/v1/executions/{run.pk}")
    assert told.json()["steps"][0]["earlier"] == [first]
    browser = Client()
    browser.force_login(owner)
    page = browser.get(f"/executions/{run.pk}/")
    assert "Attempt 1 failed" in page.content.decode()
    assert "Judge the first time." in page.content.decode()


def test_only_the_last_few_are_kept() -> None:
    step = Step(number=1, state=StepState.FAILED, started_at=clock.now(), attempt=1)
    for attempt in range(2, 9):
        step.earlier = step.attempts_so_far()
        step.attempt = attempt
    assert [one["attempt"] for one in step.earlier] == [3, 4, 5, 6, 7]
    step.request = {"text": "x" * 100_000}
    kept = step.attempts_so_far()
    assert [one["attempt"] for one in kept] == [4, 5, 6, 7, 8]
    assert len(str(kept[-1])) < 25_000
    step.earlier = kept
    assert len(step.attempts_so_far()) == 5, "an attempt that was held and went on counts once"
    step.state = StepState.DONE
    assert step.attempts_so_far() == kept


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        (Say("Seven."), {"text": "Seven.", "value": None}),
        (Say(calls=[("answer", {"score": "seven"})]), {"text": "", "value": {"score": "seven"}}),
    ],
    ids=["words", "another type"],
)
def test_an_answer_of_no_use_is_there_to_be_read(
    think: Callable[..., Execution], brain: ModelServer, said: Say, answered: dict[str, Any]
) -> None:
    brain.say(said)
    params = {"prompt": "Judge @contact.email", "output_schema": SCORED}
    run = think(steps=[{"action": "ask_model", "params": params}])
    assert run.status == Status.FAILED
    step = run.steps.get()
    assert (step.state, step.response) == (StepState.FAILED, answered)
    assert run.output in (None, {})


def test_attempts_go_with_the_other_contents(
    think: Callable[..., Execution], brain: ModelServer, run_everything_due: Callable[[], None]
) -> None:
    brain.say(Fault.SERVER_ERROR)
    run = think(instructions="Judge.")
    brain.say(Say("All done."))
    try_again(run_everything_due)
    assert run.steps.get().earlier
    gone = {"executions": [run.pk], "events": [run.event_id], "days": 7}
    statements.run("empty_bodies", gone)
    assert run.steps.get().earlier == []
