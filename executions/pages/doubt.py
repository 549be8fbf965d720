"""An interrupted run, said plainly: which step is in doubt and why, what it would have done, what one can decide."""

from __future__ import annotations

from dataclasses import dataclass

from agents import actions
from executions.models import Execution, Status, Step, StepState
from executions.resolving import Resolution


@dataclass(frozen=True, slots=True)
class Choice:
    """`value` is what the decision is called over REST."""

    value: str
    label: str
    means: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """`asked`: the steps that may or may not have happened. `next`: the labels of what would follow."""

    why: str
    asked: list[Step]
    next: list[str]
    choices: list[Choice]


def of(execution: Execution) -> Doubt | None:
    """None where nothing is in doubt. One query where something is."""
    if execution.status != Status.INTERRUPTED:
        return None
    asked = list(execution.steps.filter(state=StepState.UNKNOWN).order_by("number"))
    number = asked[-1].number if asked else 0
    planned = execution.agent.steps if execution.agent else []
    rest = [_label(str(step.get("action", ""))) for step in planned[number:]]
    return Doubt(execution.error_message or "It was stopped.", asked, rest, _choices(number, rest))


def _choices(number: int, rest: list[str]) -> list[Choice]:
    step = f"Step {number}" if number else "Its step"
    then = f"the run goes on with step {number + 1}, {rest[0]}" if rest else "the run ends"
    return [
        Choice(
            Resolution.RETRY,
            Resolution.RETRY.label,
            f"{step} is done once more, then {then}. If it had happened already, it happens twice.",
        ),
        Choice(
            Resolution.MARK_DONE,
            Resolution.MARK_DONE.label,
            f"You have looked, and it is done: {step.lower()} is not repeated, and {then}.",
        ),
        Choice(
            Resolution.CANCEL,
            Resolution.CANCEL.label,
            "Nothing more is done. What has been done stays.",
        ),
    ]


def _label(action: str) -> str:
    return actions.registry.get(action).label if action in actions.registry else action
