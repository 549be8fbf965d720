"""Each change of state has its level."""

from __future__ import annotations

import uuid
from typing import Any

import orjson
import pytest

from config.lib import logs
from executions import logbook
from executions.models import Execution, Reason, Status
from executions.outcome import Outcome

Written = list[tuple[str, str]]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Written:
    """(level, message) of each line."""
    lines: Written = []

    def take(text: bytes) -> None:
        read = map(orjson.loads, text.splitlines())
        lines.extend((line["level"], line["message"]) for line in read)

    monkeypatch.setattr(logs, "put", take)
    return lines


def execution(**fields: Any) -> Execution:
    return Execution(event_id=uuid.uuid4(), agent_name="A", trigger_name="T", **fields)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "reason, level",
    [
        (Reason.CONDITION_FALSE, "info"),
        (Reason.AGENT_PAUSED, "info"),
        (Reason.COOLDOWN, "warning"),
        (Reason.DAILY_LIMIT, "warning"),
        (Reason.LOOP_GUARD, "warning"),
        (Reason.CONDITION_ERROR, "warning"),
    ],
)
def test_decisions(reason: Reason, level: str, written: Written) -> None:
    logbook.decided([execution(status=Status.SKIPPED, reason=reason), execution()])
    assert written == [(level, "run skipped"), ("info", "run queued")]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "status, error, level",
    [
        (Status.COMPLETED, None, "info"),
        (Status.CANCELLED, None, "info"),
        (Status.QUEUED, None, "info"),
        (Status.RETRYING, {"type": "ActionFailed"}, "warning"),
        (Status.FAILED, {"type": "ActionFailed"}, "warning"),
        (Status.TIMED_OUT, {"type": "timeout"}, "warning"),
        (Status.INTERRUPTED, None, "warning"),
        (Status.FAILED, {"type": "KeyError", "stack": "..."}, "error"),
    ],
)
def test_ends(status: Status, error: dict[str, Any] | None, level: str, written: Written) -> None:
    logbook.ended([Outcome(execution(), status, error=error, error_message="No")])
    assert written == [(level, f"run {status.value}")]
