"""One event at one trigger: ask the dispatch gates in their order and make the execution row that answers for it."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from config.lib import json
from executions.gates import Candidate, Refusal, Runs, dispatch_gates
from executions.models import AgentGate, Execution, Status, TriggerGate, Verdict
from triggers import extracts, mapping, sources
from triggers.models import Event, Trigger


@dataclass(frozen=True, slots=True)
class Decision:
    """An unsaved execution with what it was decided on. `gate` already knows the accepted event."""

    event: Event
    trigger: Trigger
    gate: TriggerGate
    execution: Execution

    @property
    def is_accepted(self) -> bool:
        return self.execution.status == Status.QUEUED

    @property
    def is_pending(self) -> bool:
        """Accepted so far: a model has still to judge it."""
        return self.execution.verdict == Verdict.PENDING


def refusal_of(candidate: Candidate) -> Refusal | None:
    """The first gate's refusal, in the fixed order."""
    for refuse in dispatch_gates():
        if refusal := refuse(candidate):
            return refusal
    return None


def decide(
    event: Event,
    trigger: Trigger,
    *,
    gate: TriggerGate,
    agent_gate: AgentGate,
    now: dt.datetime,
    is_test: bool = False,
    replay_no: int = 0,
    replay_of: uuid.UUID | None = None,
    runs: Runs | None = None,
) -> Decision:
    """`runs`: what the loop guard counts; it gets what is accepted here."""
    candidate = Candidate(
        event, trigger, gate, agent_gate, now, is_test, bool(replay_no), runs=runs
    )
    refusal = refusal_of(candidate)
    execution = Execution(
        workspace_id=event.workspace_id,
        event_id=event.pk,
        trigger_id=trigger.pk,
        agent_id=trigger.agent_id,
        listener_id=trigger.pk,
        trigger_name=trigger.name,
        agent_name=trigger.agent.name,
        agent_version=trigger.agent.version,
        trigger_type=sources.describe(trigger, event.type),
        is_test=is_test,
        is_unsigned=not (event.verified or is_test or replay_no),
        replay_no=replay_no,
        replay_of=replay_of,
        correlation_id=event.correlation_id,
        trace=candidate.trace,
        created_at=now,
    )
    if refusal is None:
        execution.inputs = inputs_of(candidate)
        execution.extracts = extracts.of(trigger.input_mapping) or None
        if candidate.needs_model:
            execution.verdict = Verdict.PENDING
        elif not is_test:  # trying a trigger out does not use its cooldown up
            gate.last_accepted_at = max(
                gate.last_accepted_at or candidate.asks_at, candidate.asks_at
            )
        if runs:
            runs.add(event, trigger, is_pending=candidate.needs_model)
    else:
        execution.status, execution.reason = Status.SKIPPED, refusal.reason
        execution.error_message = refusal.note
        execution.started_at = execution.finished_at = now
    return Decision(event, trigger, gate, execution)


_COLUMNS = (
    *("id", "workspace_id", "event_id", "trigger_id", "agent_id", "listener_id"),
    *(
        "trigger_name",
        "agent_name",
        "trigger_type",
        "agent_version",
        "replay_no",
        "replay_of",
        "is_test",
        "is_unsigned",
    ),
    *("status", "reason", "trace", "verdict", "inputs", "extracts", "correlation_id"),
    *("created_at", "started_at", "finished_at", "error_message"),
)


def as_row(execution: Execution) -> dict[str, Any]:
    """What `sql/record_decisions.sql` stores of a decided execution; the other columns have their first value."""
    return {name: getattr(execution, name) for name in _COLUMNS}


def inputs_of(candidate: Candidate) -> dict[str, Any]:
    """Mapped event data, what the source hands on by itself, then the trigger's defaults, then `_trigger_event`."""
    event, trigger = candidate.event, candidate.trigger
    about = {
        "trigger_id": str(trigger.pk),
        "event_type": event.type,
        "event_id": str(event.pk),
        "timestamp": json.timestamp(event.occurred_at),
    }
    given = sources.of(trigger).inputs(trigger.config, candidate.facts)
    return mapping.resolve(
        candidate.facts,
        mapping=trigger.input_mapping,
        defaults={**trigger.default_inputs, **given},
        meta={"_trigger_event": about},
    )
