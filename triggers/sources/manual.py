"""Running by hand: every agent owns one built-in trigger for it; further ones may have inputs of their own."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models.signals import post_save
from django.dispatch import receiver

from agents.models import Agent
from config.lib.ids import uuid7
from triggers import event_types
from triggers.models import Trigger
from triggers.sources import Config, Source, register

MANUAL = event_types.register(
    "manual",
    label="Run by hand",
    group="Manual",
    source="manual",
    schema={
        "type": "object",
        "properties": {
            "inputs": {"type": "object", "title": "Inputs"},
            "triggered_by": {"type": "string", "title": "Triggered by"},
        },
    },
    sample={"inputs": {}, "triggered_by": "system"},
)


class ManualSource(Source):
    trigger_type = "manual"
    label = "Run by hand"
    description = "Runs when somebody presses Run now."
    config_schema = {"type": "object", "properties": {}, "additionalProperties": False}

    def topic(self, config: Config, *, trigger_id: uuid.UUID) -> str:
        return topic(trigger_id)

    def describe(self, config: Config, *, event_type: str | None = None) -> str:
        return "manual"

    def payload_schema(self, config: Config) -> dict[str, Any]:
        return MANUAL.schema

    def sample_type(self, config: Config) -> str:
        return MANUAL.name

    def sample(self, config: Config) -> dict[str, Any]:
        return MANUAL.sample


def topic(trigger_id: uuid.UUID) -> str:
    return f"manual:{trigger_id}"


def ensure(agent: Agent) -> Trigger:
    """The agent's built-in manual trigger, made where it is missing, since bulk writes send no signal.

    Two callers at once get the same one. It has no limit per hour of its own: whoever runs by hand meets the
    agent's limits.
    """
    pk = uuid7()
    trigger, _ = Trigger.objects.get_or_create(
        agent=agent,
        is_builtin=True,
        defaults={
            "id": pk,
            "workspace_id": agent.workspace_id,
            "name": "Run by hand",
            "trigger_type": ManualSource.trigger_type,
            "topic": topic(pk),
            "max_executions_per_hour": None,
        },
    )
    return trigger


@receiver(post_save, sender=Agent, dispatch_uid="triggers.agent_saved")
def agent_saved(instance: Agent, *, created: bool, raw: bool, **_: Any) -> None:
    if created and not raw:
        ensure(instance)


register(ManualSource())
