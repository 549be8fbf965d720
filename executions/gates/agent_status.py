"""Is the agent live? A test may run an agent that is still a draft."""

from __future__ import annotations

from agents.models import AgentStatus
from executions import gates
from executions.gates import Candidate, Refusal
from executions.models import AgentGate, Reason


def reason_not_to_run(
    status: str, *, gate: AgentGate | None, is_test: bool = False
) -> Reason | None:
    """Why an agent of this status does not run; None where it does. Asked at dispatch and again at the claim."""
    if status == AgentStatus.LIVE or (is_test and status == AgentStatus.DRAFT):
        return None
    if status == AgentStatus.PAUSED:
        limited = gate is not None and gate.pause_reason == Reason.DAILY_LIMIT
        return Reason.DAILY_LIMIT if limited else Reason.AGENT_PAUSED
    return Reason.AGENT_NOT_LIVE


@gates.dispatch("agent_status", place=40)
def refuse(candidate: Candidate) -> Refusal | None:
    reason = reason_not_to_run(
        candidate.trigger.agent.status, gate=candidate.agent_gate, is_test=candidate.is_test
    )
    return Refusal(reason) if reason else None
