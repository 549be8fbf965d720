from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter

import pytest

from executions.gates import Runs, loop_guard
from executions.models import Reason
from tests.executions.gates.conftest import NOW, MakeCandidate

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


@pytest.mark.parametrize(
    ("of_root", "depth", "lately", "is_replay", "bound"),
    [
        (49, 1, 0, False, ""),
        (50, 1, 0, False, "runs_per_root"),
        (500, 0, 0, False, ""),
        (0, 0, 9, False, ""),
        (0, 0, 10, False, "runs_per_subject"),
        (0, 0, 10, True, ""),
    ],
    ids=["room", "root full", "a first event", "often", "too often", "replayed by a person"],
)
def test_counts(
    candidate: MakeCandidate, of_root: int, depth: int, lately: int, is_replay: bool, bound: str
) -> None:
    made = candidate(trigger={"id": OURS}, event={"depth": depth, "subject": "contact:1"})
    made.is_replay = is_replay
    old = NOW - dt.timedelta(minutes=11)
    made.runs = Runs(Counter({made.event.root_id: of_root}))
    made.runs.of_subject[OURS, "contact:1"] = [old] * 20 + [NOW] * lately
    refusal = loop_guard.refuse(made)
    assert (refusal.reason if refusal else "") == (Reason.LOOP_GUARD if bound else "")
    assert loop_guard.bound_of(made.trace) == bound


def test_nothing_is_asked_where_nothing_could_be_a_loop(candidate: MakeCandidate) -> None:
    made = candidate()
    assert loop_guard.count([(made.event, made.trigger)]) == Runs()
