"""Triggers with an address of their own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.stories import MakeAgent
from tests.triggers.hooks import SECRET, MakeHook
from triggers import blueprint
from triggers.models import Trigger, WebhookEndpoint


@pytest.fixture
def make_hook(make_agent: MakeAgent) -> MakeHook:
    agent = make_agent("Hook", {"action": "notify", "params": {"message": "Hello"}})

    def make(name: str = "Orders", **config: Any) -> Trigger:
        trigger = Trigger(workspace=agent.workspace)
        config = {"webhook_config": {"secret": SECRET}, **config}
        given = {
            "name": name,
            "agent_id": str(agent.pk),
            "trigger_type": "webhook",
            "config": config,
        }
        blueprint.store(trigger, given)
        return trigger

    return make


@pytest.fixture
def hook(make_hook: MakeHook) -> Trigger:
    return make_hook()


@pytest.fixture
def token(hook: Trigger) -> str:
    """The last part of its address."""
    return WebhookEndpoint.objects.get(trigger=hook).sealed
