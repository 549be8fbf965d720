from __future__ import annotations

import pytest

from executions.gates import trigger_active
from executions.models import Reason
from tests.executions.gates.conftest import MakeCandidate


@pytest.mark.parametrize(
    ("status", "reason"),
    [("active", None), ("paused", Reason.TRIGGER_DISABLED), ("error", Reason.TRIGGER_ERROR)],
)
def test_by_status(candidate: MakeCandidate, status: str, reason: Reason | None) -> None:
    refusal = trigger_active.refuse(candidate(trigger={"status": status}))
    assert (refusal and refusal.reason) == reason


def test_an_error_is_told(candidate: MakeCandidate) -> None:
    refusal = trigger_active.refuse(
        candidate(trigger={"status": "error", "last_error": "5 runs failed"})
    )
    assert refusal is not None
    assert refusal.note == "5 runs failed"


def test_a_test_does_not_ask(candidate: MakeCandidate) -> None:
    assert trigger_active.refuse(candidate(trigger={"status": "paused"}, is_test=True)) is None
