from __future__ import annotations

import pytest

from executions.gates import agent_status
from executions.models import Reason
from tests.executions.gates.conftest import MakeCandidate


@pytest.mark.parametrize(
    ("status", "pause_reason", "is_test", "reason"),
    [
        ("live", "", False, None),
        ("paused", "", False, Reason.AGENT_PAUSED),
        ("paused", "daily_limit", False, Reason.DAILY_LIMIT),
        ("draft", "", False, Reason.AGENT_NOT_LIVE),
        ("draft", "", True, None),
        ("archived", "", True, Reason.AGENT_NOT_LIVE),
        ("paused", "", True, Reason.AGENT_PAUSED),
    ],
)
def test_by_status(
    candidate: MakeCandidate, status: str, pause_reason: str, is_test: bool, reason: Reason | None
) -> None:
    made = candidate(
        agent={"status": status}, agent_gate={"pause_reason": pause_reason}, is_test=is_test
    )
    refusal = agent_status.refuse(made)
    assert (refusal and refusal.reason) == reason
