"""A host outside goes away and comes back: its runs wait, others do not, and nobody is blamed."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.test import APIClient

from agents.models import FailingHost
from config.lib import clock
from crm.models import Workspace
from executions import executor, performing, sweep
from executions.models import AgentStart, Alert, AlertKind, Execution, Reason, Status
from executions.pages import words
from tests.executions import providers
from tests.executions.providers import Provider, Run, ask_again, statuses
from triggers.models import TriggerStatus

pytestmark = pytest.mark.django_db(transaction=True)
begin, provider = providers.begin, providers.provider


def test_runs_are_held_and_go_on_when_the_host_is_back(
    provider: Provider,
    begin: Callable[..., Any],
    run_everything_due: Run,
    acme: Workspace,
    api: APIClient,
    owner: User,
) -> None:
    provider.status = 503
    trigger = begin(10, provider.step)
    run_everything_due()
    Execution.objects.filter(status=Status.RETRYING).update(run_at=clock.now())
    run_everything_due()
    assert statuses() == {"queued": 10}
    assert max(provider.calls.values()) == 1
    row = FailingHost.objects.get()
    assert (row.host, row.workspace_id) == (provider.host, acme.pk)
    for execution in Execution.objects.all():
        assert (execution.reason, execution.held_for) == (Reason.HOST_AWAY, provider.host)
        assert execution.run_at == row.open_until
        assert "which is away" in execution.error_message
        assert "answered 503" in execution.error_message
        assert words.in_short(execution).endswith("when the host answers again.")
    assert AgentStart.objects.count() - 10 <= 9  # those that failed before it was known to be away
    trigger.refresh_from_db()
    assert trigger.status == TriggerStatus.ACTIVE
    assert trigger.gate.consecutive_failures == 0
    alert = Alert.objects.get(kind=AlertKind.HOST_AWAY, seen_at=None)
    assert provider.server.host in alert.message

    pk = Execution.objects.values_list("pk", flat=True)[0]
    shown = api.get(f"/api/v1/executions/{pk}").json()
    assert (shown["status"], shown["reason"]) == ("queued", "host_away")
    assert "which is away" in shown["error_message"]
    assert shown["run_at"]
    assert api.get("/api/v1/executions?reason=host_away").json()["total_count"] == 10
    page = Client()
    page.force_login(owner)
    assert b"when the host answers again." in page.get(f"/executions/{pk}/").content

    provider.status = 200
    ask_again()
    sweep.sweep()
    assert executor.drain() == 1  # one is sent ahead
    assert statuses() == {"queued": 9, "completed": 1}
    deadline = time.monotonic() + 20
    while statuses() != {"completed": 10} and time.monotonic() < deadline:
        run_everything_due()
        threading.Event().wait(0.2)
    assert statuses() == {"completed": 10}
    assert max(provider.calls.values()) <= 3
    for _ in range(3):
        sweep.sweep()
    assert not FailingHost.objects.exists()
    assert Alert.objects.exclude(seen_at=None).get() == alert


def test_other_hosts_and_other_workspaces_are_not_held(
    provider: Provider,
    begin: Callable[..., Any],
    run_everything_due: Run,
    acme: Workspace,
    other: Workspace,
) -> None:
    away = {"failures": 9, "failed_at": clock.now(), "away_since": clock.now()}
    until = clock.now() + dt.timedelta(minutes=5)
    FailingHost.objects.create(workspace=acme, host="down.example:443", open_until=until, **away)
    FailingHost.objects.create(workspace=other, host=provider.host, open_until=until, **away)
    down = {"action": "http_request", "params": {"url": "https://down.example/"}}
    begin(2, down, name="Down", max_concurrent=1)
    begin(2, provider.step, name="Up")
    run_everything_due()
    found = set(Execution.objects.values_list("agent_name", "status", "held_for"))
    assert found == {("Down", "queued", "down.example:443"), ("Up", "completed", "")}


def test_a_final_failure_for_the_hosts_fault_is_not_the_agents(
    provider: Provider, begin: Callable[..., Any], run_everything_due: Run, settings: Any
) -> None:
    settings.HOST_FAILURES = 100
    provider.status = 500
    step = {**provider.step, "params": {**provider.step["params"], "method": "POST"}}
    trigger = begin(8, step)
    run_everything_due()
    assert statuses() == {"failed": 8}
    trigger.refresh_from_db()
    assert (trigger.status, trigger.gate.consecutive_failures) == (TriggerStatus.ACTIVE, 0)
    assert trigger.gate.failed_executions == 8


def test_a_step_that_may_fail_goes_on_without_the_host(
    provider: Provider, begin: Callable[..., Any], run_everything_due: Run
) -> None:
    provider.status = 503
    begin(5, {**provider.step, "on_error": "continue"})
    run_everything_due()
    assert statuses() == {"completed": 5}
    assert sum(provider.calls.values()) >= 3


def test_a_run_is_not_held_for_ever(
    provider: Provider, begin: Callable[..., Any], run_everything_due: Run
) -> None:
    provider.status = 503
    trigger = begin(1, provider.step, max_attempts=20)
    for _ in range(3):
        Execution.objects.update(run_at=None, status=Status.QUEUED)
        run_everything_due()
    assert Execution.objects.get().held_for == provider.host
    Execution.objects.update(started_at=clock.now() - dt.timedelta(hours=25))
    run_everything_due()
    execution = Execution.objects.get()
    assert execution.status == Status.FAILED
    assert f"Waited {performing.HELD_HOURS} hours" in execution.error_message
    trigger.refresh_from_db()
    assert trigger.gate.consecutive_failures == 0


def test_a_held_run_can_be_cancelled(
    provider: Provider, begin: Callable[..., Any], run_everything_due: Run
) -> None:
    provider.status = 503
    begin(1, provider.step, max_attempts=20)
    for _ in range(3):
        Execution.objects.update(run_at=None, status=Status.QUEUED)
        run_everything_due()
    assert Execution.objects.cancel(Execution.objects.get().pk, now=clock.now())
    ask_again()
    run_everything_due()
    assert statuses() == {"cancelled": 1}
    assert Execution.objects.get().reason == ""
    assert sum(provider.calls.values()) == 3


def test_a_held_run_names_its_own_call(
    provider: Provider, begin: Callable[..., Any], run_everything_due: Run
) -> None:
    provider.status = 503
    for name, runs in (("A", 4), ("B", 1)):
        url = provider.server.url_for(f"/{name.lower()}-orders")
        begin(runs, {"action": "http_request", "params": {"url": url}}, name=name)
        run_everything_due()
        Execution.objects.filter(status=Status.RETRYING).update(run_at=clock.now())
        run_everything_due()
    held = Execution.objects.get(agent_name="B")
    assert held.status == Status.QUEUED
    assert "/b-orders" in held.error_message
    assert "/a-orders" not in held.error_message
    assert "answered 5" in held.error_message
    assert "orders" not in Alert.objects.get(kind=AlertKind.HOST_AWAY).message
