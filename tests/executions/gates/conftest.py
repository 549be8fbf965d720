from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from agents.models import Agent
from crm.models import Workspace
from executions.gates import Candidate
from executions.models import AgentGate, TriggerGate
from triggers.models import Event, Trigger

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
MakeCandidate = Callable[..., Candidate]


@pytest.fixture
def candidate() -> MakeCandidate:
    """`candidate(trigger={"status": "paused"}, event={...})`: unsaved rows, since these gates ask no database."""

    def make(
        *,
        trigger: dict[str, Any] | None = None,
        agent: dict[str, Any] | None = None,
        event: dict[str, Any] | None = None,
        gate: dict[str, Any] | None = None,
        agent_gate: dict[str, Any] | None = None,
        is_test: bool = False,
    ) -> Candidate:
        workspace = Workspace(slug="acme")
        runs = Agent(workspace=workspace, **{"status": "live", **(agent or {})})
        listens = Trigger(
            workspace=workspace, agent=runs, **{"trigger_type": "event", **(trigger or {})}
        )
        happened = Event(
            workspace=workspace,
            **{
                "type": "sale",
                "root_id": uuid.uuid4(),
                "recorded_at": NOW,
                "occurred_at": NOW,
                **(event or {}),
            },
        )
        return Candidate(
            happened,
            listens,
            TriggerGate(trigger=listens, **(gate or {})),
            AgentGate(agent=runs, **(agent_gate or {})),
            NOW,
            is_test,
        )

    return make
