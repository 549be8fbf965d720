"""What an action is given by the runner, for tests that perform one alone."""

from __future__ import annotations

import asyncio
import inspect
import uuid
from typing import Any

from django.db import transaction

from agents import actions
from agents.actions import Effect, Scene
from crm.models import Workspace


def scene(workspace: Workspace, **more: Any) -> Scene:
    """`contact`, `deal` and the like in `more` are roots of variables; the rest are Scene's fields."""
    fields = {name: more.pop(name) for name in list(more) if name in Scene.__dataclass_fields__}
    roots = {"contact": {}, "deal": {}, "form": {}, "event": {}, "inputs": {}, **more}
    return Scene(
        **{
            "workspace_id": workspace.pk,
            "agent_id": uuid.uuid4(),
            "agent_name": "Tester",
            "execution_id": uuid.uuid4(),
            "step_number": 1,
            "idempotency_key": "run:1",
            "variables": roots,
            **fields,
        }
    )


def perform(name: str, where: Scene, /, **params: Any) -> Any:
    """The output of an action, performed as the journal does it."""
    action = actions.registry.get(name)
    if action.effect == Effect.DATABASE:
        with transaction.atomic():
            return action.perform(where, params)
    result = action.perform(where, params)
    assert inspect.isawaitable(result)

    async def wait() -> Any:
        return await result

    return asyncio.run(wait())


def problems(name: str, workspace: Workspace, /, **params: Any) -> dict[str, str]:
    """What the action's own check says on save."""
    check = actions.registry.get(name).check
    return check(params, workspace) if check else {}
