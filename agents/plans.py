"""What one run is made of, and who writes it down: what `runner` and `conversation` share."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from agents.actions import Action, Scene


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run is made of. `steps` as `Agent.steps`; `variables`: the roots of `@` variables without `steps`;
    `secrets`: texts in the steps that nobody may read.
    """

    execution_id: uuid.UUID
    workspace_id: uuid.UUID
    agent_id: uuid.UUID
    agent_name: str
    steps: Sequence[Mapping[str, Any]]
    variables: Mapping[str, Any]
    secrets: tuple[str, ...] = ()
    is_test: bool = False
    deadline_at: dt.datetime | None = None
    model: str = ""  # as this and the following in `agents.models.Agent`
    instructions: str = ""
    tools: Sequence[Any] = ()
    output_schema: dict[str, Any] | None = None
    max_turns: int = 25
    is_exposed: bool = (
        False  # strangers' text and private records meet in it, see `agents.exposure`
    )


@dataclass(frozen=True, slots=True)
class Recorded:
    """A step that an earlier pass of this run has finished."""

    output: Any
    error: str = ""
    is_rejected: bool = False  # by a person


class Journal(Protocol):
    """Writes steps down around their effect; the implementation is `executions.journal`."""

    def recorded(self, number: int) -> Recorded | None:
        """What step `number` came to on an earlier pass; None where it has not finished."""

    def began_at(self, number: int) -> dt.datetime | None:
        """When step `number` was first begun, on whichever pass."""

    async def perform(self, action: Action, scene: Scene, params: dict[str, Any]) -> Any:
        """Performs the action and journals it. Raises what the action raises."""

    def refuse(self, number: int, kind: str, message: str) -> None:
        """Writes down a step that failed before its action could begin."""

    def approved(self, number: int, action: Action, params: dict[str, Any]) -> dict[str, Any]:
        """The params of a step that a person has approved, with what they changed. Raises NeedsApproval where nobody
        has been asked yet: the step is proposed.
        """

    def keep_secret(self, texts: Sequence[str]) -> None:
        """From now on these are written down nowhere."""

    def equip(self, scene: Scene) -> Scene:
        """The scene with what a call of a model needs: a meter, and somebody who hears it speak."""


def scene(plan: Plan, number: int, variables: Mapping[str, Any], *, journal: Journal) -> Scene:
    """What the action of step `number` may know."""
    return journal.equip(
        Scene(
            workspace_id=plan.workspace_id,
            agent_id=plan.agent_id,
            agent_name=plan.agent_name,
            execution_id=plan.execution_id,
            step_number=number,
            idempotency_key=f"{plan.execution_id}:{number}",
            variables=variables,
            secrets=plan.secrets,
            is_test=plan.is_test,
            deadline_at=plan.deadline_at,
            started_at=journal.began_at(number),
            model=plan.model,
            instructions=plan.instructions,
        )
    )
