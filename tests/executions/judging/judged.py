"""What tests of judged conditions begin with: a condition in words, what a model says of it, what became of the run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crm.models import Contact, Workspace
from executions import executor, invariants
from executions.models import Execution
from tests.agents.modelserver import Reply, Say

ASKS: dict[str, Any] = {
    "type": "llm",
    "description": "The message asks for prices.",
    "context_fields": ["contact.custom.message"],
    "model": "local:small",
}
NOTIFY = {"action": "notify", "params": {"message": "Hello"}}


def says(match: bool = True, confidence: float = 0.9, **more: Any) -> Say:
    verdict = {"match": match, "reason": "It asks.", "evidence": "cost", "confidence": confidence}
    return Say(calls=[("answer", {**verdict, **more})])


def both(*conditions: Any, logic: str = "AND") -> dict[str, Any]:
    return {"type": "combined", "logic": logic, "conditions": list(conditions)}


def rule(field: str, operator: str, value: Any) -> dict[str, Any]:
    leaf = {"field": field, "operator": operator, "value": value}
    return {"type": "rule", "logic": "AND", "rules": [leaf]}


def contact(workspace: Workspace, message: str = "What does it cost?", **fields: Any) -> Contact:
    return Contact.objects.create(
        workspace=workspace, first_name="Ann", custom={"message": message}, **fields
    )


def judged(execution: Execution) -> Execution:
    """What becomes of it when the workers look once."""
    executor.drain()
    execution.refresh_from_db()
    assert list(invariants.broken()) == []
    return execution


def ends() -> list[tuple[str, str]]:
    """(status, reason) of each execution, in the order of the events."""
    return list(Execution.objects.order_by("position").values_list("status", "reason"))


def by_message(**answers: Reply) -> Callable[[dict[str, Any]], Reply]:
    """Answers by a word of the data."""

    def think(body: dict[str, Any]) -> Reply:
        data = str(body["messages"][1:])
        return next(reply for word, reply in answers.items() if word in data)

    return think
