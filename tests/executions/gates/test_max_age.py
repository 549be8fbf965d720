from __future__ import annotations

import datetime as dt
import uuid

import pytest

from executions.gates import Ready, max_age
from triggers.models import Trigger

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("age", "limit", "attempt", "resumes", "expired"),
    [
        (61, 60, 0, False, True),
        (60, 60, 0, False, False),
        (9999, None, 0, False, False),
        (61, 60, 1, False, False),
        (61, 60, 0, True, False),
    ],
    ids=["too old", "just in time", "no limit", "a retry", "goes on"],
)
def test_age(age: int, limit: int | None, attempt: int, resumes: bool, expired: bool) -> None:
    some = uuid.uuid4()
    row = Ready(
        some,
        some,
        some,
        1,
        attempt,
        resumes,
        is_test=False,
        created_at=NOW - dt.timedelta(seconds=age),
    )
    assert max_age.is_expired(row, Trigger(max_age_seconds=limit), NOW) == expired
