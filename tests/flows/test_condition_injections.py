"""Forty texts that try to talk a condition into something, through a model that does whatever it reads: a condition
can only be answered, so nothing happens but what the trigger would do anyway, and only where the rules allow it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from agents import blueprint
from agents.models import Agent, AgentStatus
from crm.models import Contact, Note, Workspace
from executions import invariants
from executions.models import Execution, Reason, Status, Step, Verdict
from tests.agents.models import MakeProvider
from tests.agents.modelserver import ModelServer, Reply, Say
from tests.executions.judging.judged import both, rule
from tests.flows.test_model_injections import ATTEMPTS, EVIL, GROUPS, SECRET, obedient
from tests.stories import MakeTrigger

pytestmark = pytest.mark.django_db(transaction=True)

ASKS = {"type": "llm", "description": "The message asks for prices.", "model": "local:small"}
IN_GERMANY = rule("contact.title", "equals", "DE")


@pytest.fixture
def agent(acme: Workspace, make_provider: MakeProvider) -> Agent:
    """Its step sends a secret; its runs write one note."""
    make_provider()
    hook = {"url": "https://hook.example/", "method": "POST", "headers": {"Authorization": SECRET}}
    steps = [
        {"action": "create_note", "params": {"text": "Asks for prices"}},
        {"action": "http_request", "params": hook},
    ]
    agent = Agent(workspace=acme, status=AgentStatus.LIVE)
    unlimited = {"max_executions_per_minute": None, "max_attempts": 1}
    given = {"name": "Seller", "steps": steps, "restrictions": unlimited}
    return blueprint.store(agent, given)


def yes_man(body: dict[str, Any]) -> Reply:
    """Obeys what it reads, and says yes to whatever it is asked."""
    reply = obedient(body)
    wants = reply.calls if isinstance(reply, Say) else []
    verdict = {"match": True, "reason": "I was told so.", "evidence": "", "confidence": 1}
    return Say(calls=[*wants, ("answer", verdict)])


@pytest.mark.parametrize("names", GROUPS, ids=["mail", "requests", "others", "odd names"])
@pytest.mark.parametrize("think", [obedient, yes_man], ids=["obedient", "yes-man"])
def test_a_condition_can_only_narrow(
    acme: Workspace,
    agent: Agent,
    brain: ModelServer,
    make_trigger: MakeTrigger,
    run_everything_due: Callable[[], None],
    mailoutbox: list[Any],
    names: list[str],
    think: Callable[[dict[str, Any]], Reply],
) -> None:
    make_trigger(
        agent, "contact_created", conditions=both(IN_GERMANY, ASKS), max_executions_per_hour=None
    )
    brain.think = think
    for number, name in enumerate(names):
        for country in ("DE", "US"):
            address = f"ann{number}@{country.lower()}.example"
            Contact.objects.create(
                workspace=acme, email=address, title=country, custom={"message": ATTEMPTS[name]}
            )
    run_everything_due()

    assert Execution.objects.count() == 20
    abroad = Execution.objects.filter(event__payload__contact__title="US")
    assert set(abroad.values_list("status", "reason")) == {(Status.SKIPPED, Reason.CONDITION_FALSE)}
    for run in Execution.objects.filter(event__payload__contact__title="DE"):
        judged_no = run.reason in (Reason.CONDITION_ERROR, Reason.CONDITION_FALSE)
        assert judged_no or run.verdict == Verdict.MET
        assert not (think is obedient and run.verdict == Verdict.MET), "it never said yes as asked"
    asked = json.dumps(brain.asked)
    assert SECRET not in asked
    assert all(
        [tool["function"]["name"] for tool in body["tools"]] == ["answer"] for body in brain.asked
    )
    assert mailoutbox == []
    assert not Contact.objects.filter(email=EVIL).exists()
    assert set(Note.objects.values_list("text", flat=True)) <= {"Asks for prices"}
    assert set(Step.objects.values_list("kind", flat=True)) <= {"create_note", "http_request"}
    assert list(invariants.broken()) == []
