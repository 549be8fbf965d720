"""What a claim does where an agent's day is full, or the share of it that senders whom nobody verified may use; and
where another gate has no room and never will, for which it skips what it refused.

A full day pauses the agent, once, with one alert, and skips what is queued. Tests and what nobody verified pause
nobody: where only those are refused, only those are skipped.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Q

from agents.models import Agent
from executions import alerts, live, notices, skipping
from executions.fairness import Block, Share
from executions.gates import unsigned_share
from executions.models import AgentGate, AlertKind, Execution, Reason

_DAY = "daily_limit"
SKIPPED_AT_ONCE = (
    1_000  # of one agent; the sweep goes on where it is paused, the next claim where not
)


@dataclass(slots=True)
class Full:
    """Agents (ids) whose day is over, and those that lost some of their queue and may start the rest."""

    paused: set[uuid.UUID] = field(default_factory=set)
    skipped: set[uuid.UUID] = field(default_factory=set)


def answer(share: Share, gates: Iterable[AgentGate], *, now: dt.datetime) -> Full:
    """Skips, pauses and alerts as the claim found it; the gates are locked and saved by the caller."""
    full = Full()
    for gate in gates:
        block = share.blocked.get(gate.agent_id)
        if block is None or not block.refused:
            continue
        if any(not row.is_test and not row.is_unsigned for row in block.refused.get(_DAY, ())):
            _pause(gate, now)
            full.paused.add(gate.agent_id)
        elif _skip_part(gate, block, now):
            full.skipped.add(gate.agent_id)
    return full


def _pause(gate: AgentGate, now: dt.datetime) -> None:
    if Agent.objects.pause_live(gate.agent_id, now=now):
        gate.pause_reason, gate.paused_at = Reason.DAILY_LIMIT, now
        _tell_pause(gate.agent)
    _skip(gate, Q(), now=now)


def _skip_part(gate: AgentGate, block: Block, now: dt.datetime) -> int:
    skipped = 0
    if _DAY in block.refused:
        skipped += _skip(gate, Q(is_test=True) | Q(is_unsigned=True), now=now)
    if unsigned_share.NAME in block.refused:
        note = unsigned_share.note(gate.agent)
        skipped += _skip(gate, Q(is_unsigned=True), now=now, note=note)
        _tell_share(gate.agent, now)
    for name in block.refused.keys() - {_DAY, unsigned_share.NAME}:  # gates of this installation
        ids = [row.id for row in block.refused[name]]
        skipped += skipping.skip(ids, reason=block.reasons[name], now=now)
    return skipped


def _skip(gate: AgentGate, which: Q, *, now: dt.datetime, note: str = "") -> int:
    rest = Execution.objects.never_started(gate.agent_id).filter(which).order_by("position")
    ids = rest.values_list("pk", flat=True)[:SKIPPED_AT_ONCE]
    return skipping.skip(ids, reason=Reason.DAILY_LIMIT, now=now, note=note)


def _tell_pause(agent: Agent) -> None:
    """One alert and one notice; resuming the agent resolves the alert."""
    limit = agent.limit("max_executions_per_day")
    message = (
        f"{agent.name} reached its {limit} executions of today and was paused. Resume it to go on."
    )
    alerts.raise_alert(
        agent.workspace_id,
        AlertKind.DAILY_LIMIT,
        message,
        agent=agent,
        dedupe_key=f"daily:{agent.pk}",
    )
    live.push(agent.workspace_id, notices.auto_paused(agent_id=agent.pk, reason=message))


def _tell_share(agent: Agent, now: dt.datetime) -> None:
    """One alert for each of the workspace's days; the agent goes on with everything else."""
    day = agent.workspace.midnight(now)
    alerts.raise_alert(
        agent.workspace_id,
        AlertKind.DAILY_LIMIT,
        f"Forms and other senders whom nobody verified have used up their share of {agent.name}'s day "
        f"({unsigned_share.of_agent(agent)} of {agent.limit('max_executions_per_day')} runs). What else they send "
        "today is skipped; the agent goes on with everything else. Look whether it is spam; if not, raise its limit.",
        agent=agent,
        dedupe_key=f"unsigned:{agent.pk}:{day:%Y%m%d%H}",
        cause=f"unsigned_share:{agent.pk}",
    )
