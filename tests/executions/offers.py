"""An offer that somebody wrote, whose amount and place a model reads out of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from executions import executor
from executions.models import Execution
from tests.agents.modelserver import ModelServer, Say

AMOUNT = {
    "extract": "the amount that the sender offers, in dollars",
    "schema": {"type": "number"},
}
PLACE = {"extract": "the place of delivery", "schema": {"type": ["string", "null"]}}
TEXT = "We offer 1,200 dollars for it."
Offer = Callable[..., Execution]


def answer(**values: Any) -> Say:
    return Say(calls=[("answer", values)])


def ended(run: Execution) -> Execution:
    executor.drain()
    run.refresh_from_db()
    return run


def asked_schema(brain: ModelServer) -> Any:
    return brain.asked[-1]["tools"][0]["function"]["parameters"]
