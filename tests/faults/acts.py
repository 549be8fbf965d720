"""What no agent should be able to do, and some agent one day will."""

from __future__ import annotations

import os
import signal
from typing import Any

from django.apps import AppConfig

from agents import actions
from agents.actions import Effect, Scene


class Acts(AppConfig):
    name = "tests.faults"
    label = "faults"


@actions.register(
    name="kill_worker",
    label="Kill worker",
    description="Ends the process that runs it, as running out of memory would.",
    schema={"type": "object", "properties": {}, "additionalProperties": False},
    effect=Effect.REPEATABLE,
)
async def kill_worker(scene: Scene, params: dict[str, Any]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)
