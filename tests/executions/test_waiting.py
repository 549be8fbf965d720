"""A queued run says what it waits for, in the words of the gate that would stop it now."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from rest_framework.test import APIClient

from crm.models import Workspace
from executions import dispatcher, queue, waiting
from executions.models import Execution, Status
from tests.stories import MakeAgent, MakeTrigger
from triggers import events

pytestmark = pytest.mark.django_db(transaction=True)
NOTIFY = {"action": "notify", "params": {"message": "Hi"}}
OPEN = {"max_executions_per_minute": None, "max_executions_per_day": None, "max_concurrent": None}


@pytest.fixture
def last_of(acme: Workspace, make_agent: MakeAgent, make_trigger: MakeTrigger) -> Any:
    """`last_of(3, max_concurrent=1)`: three queued runs, claimed as far as the limits let; answers the last one."""

    def make(
        count: int, *, trigger: dict[str, Any] | None = None, **limits: int | None
    ) -> Execution:
        agent = make_agent("A", NOTIFY, restrictions={**OPEN, **limits})
        make_trigger(agent, "sale", **{"max_executions_per_hour": None, **(trigger or {})})
        for _ in range(count):
            events.emit("sale", workspace_id=acme.pk, payload={})
        dispatcher.dispatch()
        queue.claim(lease=uuid.uuid4(), worker="test", places=100)
        return Execution.objects.select_related("agent", "trigger", "workspace").latest("position")

    return make


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (
            {"max_executions_per_minute": 1},
            "The agent started as many runs in the last minute as it may (1).",
        ),
        (
            {"trigger": {"max_executions_per_hour": 1}},
            "The trigger started as many runs in the last hour as it may (1).",
        ),
        ({"max_concurrent": 1}, "As many runs of the agent as may be at work at once (1)"),
        ({"trigger": {"max_concurrent": 1}}, "As many runs of the trigger as may be at work"),
    ],
    ids=["minute", "hour", "agent", "trigger"],
)
def test_it_names_the_limit_and_how_many_are_before(
    last_of: Any, limits: dict[str, Any], said: str
) -> None:
    execution = last_of(3, **limits)
    assert execution.status == Status.QUEUED
    assert waiting.why(execution).startswith(said)
    assert waiting.why(execution).endswith("1 run of this trigger is before it.")


def test_a_paused_workspace_is_the_reason(acme: Workspace, last_of: Any) -> None:
    acme.paused = True
    acme.save()
    assert waiting.why(last_of(1)).startswith("Everything in this workspace is paused.")


def test_what_has_started_waits_for_nothing(last_of: Any) -> None:
    assert waiting.why(last_of(1)) == ""


def test_it_is_told_over_rest(last_of: Any, api: APIClient) -> None:
    answer = api.get(f"/api/v1/executions/{last_of(2, max_concurrent=1).pk}")
    assert answer.json()["waits_for"].startswith("As many runs of the agent")
