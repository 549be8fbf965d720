"""What the executor reads and beats: claimed rows with all that a run needs, in a fixed number of queries."""

from __future__ import annotations

import logging
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agents import conversation, exposure, sealing
from agents.actions import Effect
from agents.models import Agent
from agents.plans import Plan
from config.lib import json
from executions.journal import RunJournal
from executions.models import Execution, Status, Step, StepState
from triggers import facts
from triggers.events import Cause
from triggers.sources import hearing

log = logging.getLogger(__name__)

_UNREAD = (
    "trace",
    "output",
    "error",
    "usage",
    "at_failure",
)  # what earlier passes and gates wrote, of no use to a run


STEPS_CHANGED = (
    "Step {} of the agent was changed after this run had begun it, so the run cannot go on. "
    "Replay it to run the steps of now."
)


@dataclass(frozen=True, slots=True)
class Work:
    """One claimed run: its row, what to do, where to write it down, and what its events will name as their cause."""

    execution: Execution
    plan: Plan
    journal: RunJournal
    cause: Cause
    max_attempts: int
    timeout_seconds: int | None

    @property
    def asks_models(self) -> bool:
        """Whether its agent does."""
        return self.execution.agent is not None and self.execution.agent.asks_models


@dataclass(frozen=True, slots=True)
class Unfit:
    """A claimed row that cannot be run, and how it ends."""

    execution: Execution
    status: Status
    why: str


def load(ids: Sequence[uuid.UUID], *, lease: uuid.UUID) -> tuple[list[Work], list[Unfit]]:
    """The work behind claimed ids that are still held, in their order, and those that cannot be run.

    Two queries, one more where some of the runs have begun before.
    """
    held = Execution.objects.running_under(lease).select_related("event").defer(*_UNREAD)
    found = held.in_bulk(list(ids))
    agents = Agent.objects.select_related("workspace").in_bulk(
        {e.agent_id for e in found.values() if e.agent_id}
    )
    unfit = [
        Unfit(execution, Status.CANCELLED, "The agent was deleted.")
        for execution in found.values()
        if execution.agent_id not in agents
    ]
    executions = [found[pk] for pk in ids if pk in found and found[pk].agent_id in agents]
    for execution in executions:
        agent = agents[execution.agent_id]
        execution.agent, execution.workspace = agent, agent.workspace
    begun = [execution.pk for execution in executions if execution.attempt > 1 or execution.resumes]
    steps: dict[uuid.UUID, list[Step]] = defaultdict(list)
    if begun:
        for step in Step.objects.filter(execution_id__in=begun):
            steps[step.execution_id].append(step)
    works = []
    for execution in executions:
        if number := _moved_step(execution, steps[execution.pk]):
            unfit.append(Unfit(execution, Status.CANCELLED, STEPS_CHANGED.format(number)))
            continue
        try:
            works.append(_work(execution, steps[execution.pk], lease))
        except Exception as error:
            log.exception("a run cannot be prepared", extra={"execution": str(execution.pk)})
            why = f"The agent cannot be run as it is. {type(error).__name__}: {error}"
            unfit.append(Unfit(execution, Status.FAILED, why))
    return works, unfit


def _moved_step(execution: Execution, steps: Sequence[Step]) -> int | None:
    """The number of a step that this run has done, or may have done, and that is another one in the agent by now."""
    agent = execution.agent
    now = agent.steps if agent else []
    if agent is not None and agent.is_talk:
        begun_otherwise = any(step.number == 1 and step.kind != conversation.TURN for step in steps)
        return 1 if begun_otherwise else None
    for step in steps:
        if step.number < 1:  # before the agent's own, see `executions.filling`
            continue
        kind = now[step.number - 1].get("action", "") if step.number <= len(now) else ""
        undone = step.state == StepState.FAILED or (
            step.state == StepState.STARTED and step.effect == Effect.NONE
        )
        if not undone and kind[:50] != step.kind:
            return step.number
    return None


def watch(lease: uuid.UUID, *, beat: bool) -> dict[uuid.UUID, bool]:
    """The rows that this lease still holds -> whether somebody asked to cancel them; a row that is
    missing was taken away.
    """
    mine = Execution.objects.running_under(lease)
    if beat:
        Execution.objects.beat(lease)
    return dict(mine.values_list("pk", "cancel_requested"))


def _work(execution: Execution, steps: list[Step], lease: uuid.UUID) -> Work:
    agent = execution.agent
    assert agent is not None  # load() leaves these out
    continues = {
        n for n, step in enumerate(agent.steps, start=1) if step.get("on_error") == "continue"
    }
    steps_to_do, known = sealing.opened(agent.steps, sealed=agent.sealed)
    tools, _ = sealing.opened(agent.tools, sealed=agent.sealed)
    plan = Plan(
        execution_id=execution.pk,
        workspace_id=execution.workspace_id,
        agent_id=agent.pk,
        agent_name=agent.name,
        steps=steps_to_do,
        secrets=known,
        variables=_variables(execution),
        is_test=execution.is_test,
        deadline_at=execution.deadline_at,
        model=agent.model,
        instructions=agent.instructions,
        tools=tools,
        output_schema=agent.output_schema,
        max_turns=agent.max_turns,
        is_exposed=_is_exposed(execution, tools),
    )
    journal = RunJournal(
        execution,
        lease=lease,
        steps=steps,
        continues=continues,
        known=known,
        is_talk=agent.is_talk,
    )
    return Work(
        execution,
        plan,
        journal,
        cause_of(execution),
        agent.limit("max_attempts") or 1,
        agent.limit("timeout_seconds"),
    )


def _is_exposed(execution: Execution, tools: list[Any]) -> bool:
    """Whether text of strangers and private records meet in this run; the tools are opened ones."""
    if not hearing.is_by_strangers(execution.event, execution.trigger_type):
        return False
    found = facts.facts(execution.event.payload, source=execution.event.source)
    return bool(found.get("contact") or found.get("deal")) or exposure.sees_private(tools)


def cause_of(execution: Execution) -> Cause:
    """What events name as their cause that this run emits, or that tell of it. Its event must be loaded."""
    event = execution.event
    return Cause(
        execution_id=execution.pk,
        root_id=event.root_id,
        depth=event.depth,
        chain=(*event.chain, str(execution.listener_id)),
        correlation_id=execution.correlation_id,
        actor=f"agent:{execution.agent_id}",
        verified=not execution.is_unsigned,
    )


def _variables(execution: Execution) -> dict[str, Any]:
    event, agent, workspace = execution.event, execution.agent, execution.workspace
    assert agent is not None
    about = {
        "id": str(event.pk),
        "type": event.type,
        "timestamp": json.timestamp(event.occurred_at),
        "source": event.source,
    }
    roots = facts.variables(
        facts.facts(event.payload, source=event.source), event=about, inputs=execution.inputs
    )
    roots["agent"] = {"id": str(agent.pk), "name": agent.name}
    roots["workspace"] = {"id": str(workspace.pk), "name": workspace.name, "slug": workspace.slug}
    return roots
