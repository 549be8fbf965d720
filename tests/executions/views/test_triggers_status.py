"""The status of a trigger over REST: what is in its way."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from rest_framework.test import APIClient

from agents.models import Agent, AgentStatus
from config.lib import clock
from crm.models import Workspace
from executions import dispatcher, queue, sweep
from executions.models import Alert, TriggerGate
from tests.executions.views.asking import URL
from tests.executions.views.conftest import MakeTrigger
from triggers import events
from triggers.models import Schedule, Trigger, TriggerStatus


def test_status_says_what_is_in_the_way(
    api: APIClient, acme: Workspace, agent: Agent, make_trigger: MakeTrigger, settings: Any
) -> None:
    trigger = make_trigger(cooldown_seconds=3600)
    state = api.get(f"{URL}/{trigger.pk}/status").json()
    assert state["is_ready"] is True
    assert state["next_run_time"] is None

    gate = TriggerGate.objects.create(trigger=trigger, total_executions=2)
    TriggerGate.objects.update(last_accepted_at=trigger.created_at)
    Trigger.objects.filter(pk=trigger.pk).update(status=TriggerStatus.ERROR, last_error="broken")
    Agent.objects.update(status=AgentStatus.PAUSED)
    Workspace.objects.update(paused=True)
    settings.TRIGGERS_ENABLED = False
    state = api.get(f"{URL}/{trigger.pk}/status").json()
    wrong = {check["check"] for check in state["diagnosis"] if not check["ok"]}
    assert wrong == {"service", "workspace", "status", "agent", "cooldown"}
    assert (state["in_cooldown"], state["is_ready"], state["total_executions"]) == (True, False, 2)

    Trigger.objects.filter(pk=trigger.pk).update(ignore_cooldown=True)
    assert api.get(f"{URL}/{trigger.pk}/status").json()["in_cooldown"] is False
    assert gate.trigger_id == trigger.pk


@pytest.mark.parametrize(
    "limits, fields, said",
    [
        ({"max_executions_per_minute": 1}, {}, "in the last minute as it may (1)"),
        ({"max_executions_per_day": 1}, {}, "as many runs today as it may"),
        ({"max_concurrent": 1}, {}, "of the agent as may be at work at once (1)"),
        ({}, {"max_executions_per_hour": 1}, "in the last hour as it may (1)"),
        ({}, {"max_concurrent": 1}, "of the trigger as may be at work at once (1)"),
    ],
    ids=["minute", "day", "agent", "hour", "trigger"],
)
def test_status_is_not_ready_while_a_limit_holds(
    limits: dict[str, int],
    fields: dict[str, int],
    said: str,
    api: APIClient,
    acme: Workspace,
    agent: Agent,
    make_trigger: MakeTrigger,
) -> None:
    Agent.objects.update(restrictions=limits)
    trigger = make_trigger(**fields)
    assert api.get(f"{URL}/{trigger.pk}/status").json()["is_ready"] is True
    events.emit(trigger.topic, workspace_id=acme.pk, payload={})
    dispatcher.dispatch()
    queue.claim(lease=uuid.uuid4(), worker="test", places=10)
    state = api.get(f"{URL}/{trigger.pk}/status").json()
    wrong = {check["check"]: check["message"] for check in state["diagnosis"] if not check["ok"]}
    assert wrong.keys() == {"limits"}
    assert said in wrong["limits"]
    assert state["is_ready"] is False


def test_status_of_a_schedule_that_cannot_be_read(
    api: APIClient, make_trigger: MakeTrigger
) -> None:
    trigger = make_trigger(trigger_type="cron", config={"cron_expression": "0 9 * * *"})
    assert api.get(f"{URL}/{trigger.pk}/status").json()["is_ready"] is True
    Schedule.objects.update(timezone="Atlantis/Sunken", next_fire_at=clock.now())
    Trigger.objects.update(config={"cron_expression": "0 9 * * *", "timezone": "Atlantis/Sunken"})
    sweep.fire_schedules()
    state = api.get(f"{URL}/{trigger.pk}/status").json()
    assert (state["status"], state["is_ready"]) == ("error", False)
    assert "Atlantis/Sunken" in state["schedule"]["description"]
    alert = Alert.objects.get()
    assert (alert.kind, alert.trigger_id, alert.resolved_at) == ("trigger_error", trigger.pk, None)
    assert "cannot go on" in alert.message
    refused = api.post(f"{URL}/{trigger.pk}/enable")
    assert (refused.status_code, list(refused.json()["details"])) == (400, ["config.timezone"])
    api.patch(
        f"{URL}/{trigger.pk}", {"config": {"cron_expression": "0 9 * * *", "timezone": "UTC"}}
    )
    assert api.post(f"{URL}/{trigger.pk}/enable").status_code == 200
    alert.refresh_from_db()
    assert alert.resolved_at is not None
    assert api.get(f"{URL}/{trigger.pk}/status").json()["is_ready"] is True
