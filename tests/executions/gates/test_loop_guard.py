from __future__ import annotations

import uuid

import pytest

from executions.gates import loop_guard
from executions.models import Reason
from tests.executions.gates.conftest import MakeCandidate

OURS = uuid.uuid4()


@pytest.mark.parametrize(
    ("chain", "depth", "allow_reentry", "stopped"),
    [
        ([], 0, False, False),
        ([str(uuid.uuid4())], 1, False, False),
        ([str(OURS)], 1, False, True),
        ([str(OURS)], 1, True, False),
        ([], 5, True, False),
        ([], 6, True, True),
    ],
    ids=["first", "others", "itself", "allowed", "deep", "too deep"],
)
def test_chains(
    candidate: MakeCandidate, chain: list[str], depth: int, allow_reentry: bool, stopped: bool
) -> None:
    made = candidate(
        trigger={"id": OURS, "allow_reentry": allow_reentry}, event={"chain": chain, "depth": depth}
    )
    refusal = loop_guard.refuse(made)
    assert (refusal is not None and refusal.reason == Reason.LOOP_GUARD) == stopped
