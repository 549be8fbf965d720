"""Log lines: their shape, their moment, and what never stands in them."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from django.db import transaction
from pytest_django import Settings

from config.lib import logs

Written = list[dict[str, Any]]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Written:
    """What `tell` wrote, read again."""
    lines: Written = []
    monkeypatch.setattr(
        logs, "put", lambda text: lines.extend(map(orjson.loads, text.splitlines()))
    )
    return lines


@pytest.fixture
def logged() -> Callable[..., str]:
    """`logged("text %s", "x", extra={...})` is the line that `logging` writes."""

    def log(*args: Any, level: int = logging.INFO, **more: Any) -> str:
        stream = io.StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(logs.formatter())
        logger = logging.getLogger("house")
        logger.setLevel(logging.DEBUG)
        logger.addHandler(handler)
        logger.log(level, *args, **more)
        logger.removeHandler(handler)
        return stream.getvalue()

    return log


def test_a_batch_is_written_line_by_line(written: Written) -> None:
    token = logs.correlation_id.set("abc")
    try:
        logs.tell(
            "executions",
            [
                (logging.INFO, "run queued", {"execution": 1}),
                (logging.WARNING, "run skipped", {"correlation_id": "own", "reason": "cooldown"}),
                (logging.DEBUG, "too much", {}),
            ],
        )
    finally:
        logs.correlation_id.reset(token)
    first, second = written
    assert first.pop("at").endswith("Z")
    assert first == {
        "level": "info",
        "logger": "executions",
        "message": "run queued",
        "correlation_id": "abc",
        "execution": 1,
    }
    assert (second["level"], second["correlation_id"]) == ("warning", "own")


@pytest.mark.django_db(transaction=True)
def test_what_was_rolled_back_is_not_told(written: Written) -> None:
    with transaction.atomic():
        logs.tell("executions", [(logging.INFO, "never", {})])
        transaction.set_rollback(True)
    with transaction.atomic():
        logs.tell("executions", [(logging.INFO, "later", {})])
        assert not written
    assert [line["message"] for line in written] == ["later"]


def test_people_read_lines(settings: Settings, logged: Callable[..., str]) -> None:
    settings.LOG_FORMAT = "plain"
    line = logged("two\nlines", extra={"agent": "Ann Lee", "runs": 3})
    assert line.endswith('INFO    house  two\\nlines  agent="Ann Lee"  runs=3\n')


def test_a_stack_is_kept(settings: Settings, logged: Callable[..., str]) -> None:
    try:
        raise ZeroDivisionError("by nothing")
    except ZeroDivisionError:
        line = orjson.loads(logged("broke", level=logging.ERROR, exc_info=True))
        settings.LOG_FORMAT = "plain"
        text = logged("broke", level=logging.ERROR, exc_info=True)
    assert (line["level"], line["message"], line["logger"]) == ("error", "broke", "house")
    assert "by nothing" in line["stack"]
    assert 'raise ZeroDivisionError("by nothing")' in text


@pytest.mark.parametrize(
    "args, extra",
    [
        (("asked https://ann:CANARY@example.org/?x=1",), {}),
        (("asked %s", "https://example.org/?api_key=CANARY&x=1"), {}),
        (("sent Authorization: Bearer CANARY12345",), {}),
        (("token tf_CANARYabcdefghijkl given",), {}),
        (("refused\nDETAIL:  Failing row contains (1, CANARY).",), {}),
        (("x",), {"password": "CANARY"}),
        (("x",), {"headers": {"X-Api-Key": "CANARY", "Cookie": "CANARY"}}),
        (("x",), {"error": "Basic CANARY1234567="}),
        (("x",), {"notes": ["Bearer CANARY12345"], "deep": {"a": "https://a:CANARY@b/"}}),
    ],
)
def test_secrets_are_taken_out(
    args: tuple[str, ...], extra: dict[str, Any], logged: Callable[..., str], settings: Settings
) -> None:
    for kind in ("json", "plain"):
        settings.LOG_FORMAT = kind
        line = logged(*args, extra=extra)
        assert "CANARY" not in line
        assert "[redacted]" in line
