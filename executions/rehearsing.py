"""Asking a model about conditions without an event: what a dry run shows. Nothing is kept but what the calls took."""

from __future__ import annotations

import asyncio

from django.conf import settings

from agents import llm, sealing
from agents.actions import ActionFailed
from agents.llm import providers
from agents.models import Agent
from config.lib import waits
from config.lib.ids import uuid7
from executions import opinions
from executions.budgets import RunMeter
from executions.gates import Candidate, Refusal, cooldown, overlap
from executions.models import Reason
from executions.opinions import NO_MODEL, Asked, Finding, Inquiry, Outcome
from triggers import conditions, questions
from triggers.conditions import Question

UNSURE = "unsure"


def ask(candidate: Candidate) -> tuple[Finding, Refusal | None]:
    """What a model finds now, and why the event would not run then. Waits for the model: call it outside any
    transaction. Its trigger was read with agent and workspace. Raises waits.Busy.
    """
    trigger = candidate.trigger
    trigger.agent.workspace = trigger.workspace
    condition = conditions.parse(trigger.conditions)
    inquiry = Inquiry(condition, candidate.judged, fail_open=trigger.fail_open)
    meter = RunMeter(trigger.workspace_id, trigger.agent_id, uuid7())
    with waits.place():
        finding = asyncio.run(
            inquiry.go_on(lambda question: _put(question, candidate, trigger.agent, meter))
        )
    return finding, _refusal(candidate, finding)


def _refusal(candidate: Candidate, finding: Finding) -> Refusal | None:
    if finding.outcome is Outcome.NOT_MET:
        return Refusal(Reason.CONDITION_FALSE, finding.reason)
    if finding.outcome is Outcome.ERROR:
        return Refusal(Reason.CONDITION_ERROR, finding.reason)
    candidate.needs_model = False
    return cooldown.refuse(candidate) or overlap.refuse(candidate)


async def _put(question: Question, candidate: Candidate, agent: Agent, meter: RunMeter) -> Asked:
    """Always asked anew; what fails is said and not tried again."""
    model = providers.model_for(agent, question.model)
    _, secrets = sealing.opened(agent.steps, sealed=agent.sealed)
    one = opinions.begin(question, candidate.judged, model=model, secrets=secrets)
    try:
        if not model:
            raise ActionFailed(NO_MODEL)
        opinion = await questions.ask(
            question,
            candidate.judged,
            workspace_id=agent.workspace_id,
            model=model,
            meter=meter,
            seconds=settings.JUDGE_CALL_SECONDS,
            secrets=secrets,
        )
    except llm.Unusable as error:
        one.refuse(str(error), error.usage)
    except ActionFailed as error:
        one.fail(str(error))
    else:
        one.answer(opinion, question, secrets=secrets)
        one.cost = opinion.cost
    return one
