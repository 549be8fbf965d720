from __future__ import annotations

import datetime as dt

import pytest

from executions.gates import cooldown
from tests.executions.gates.conftest import NOW, MakeCandidate


@pytest.mark.parametrize(
    ("seconds_ago", "cooldown_seconds", "ignore", "is_test", "refused"),
    [
        (None, 60, False, False, False),
        (59, 60, False, False, True),
        (60, 60, False, False, False),
        (-5, 60, False, False, True),
        (1, 0, False, False, False),
        (1, 60, True, False, False),
        (1, 60, False, True, False),
    ],
    ids=["first", "too soon", "over", "out of order", "none", "ignored", "test"],
)
def test_since_the_last_accepted(
    candidate: MakeCandidate,
    seconds_ago: int | None,
    cooldown_seconds: int,
    ignore: bool,
    is_test: bool,
    refused: bool,
) -> None:
    last = None if seconds_ago is None else NOW - dt.timedelta(seconds=seconds_ago)
    made = candidate(
        trigger={"cooldown_seconds": cooldown_seconds, "ignore_cooldown": ignore},
        gate={"last_accepted_at": last},
        is_test=is_test,
    )
    assert (cooldown.refuse(made) is not None) == refused
