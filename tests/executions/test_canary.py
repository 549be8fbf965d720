"""Synthetic events: answered as any other, seen by nobody, kept few."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings
from rest_framework.test import APIClient

from config.lib import clock
from crm.models import Workspace
from executions import canary, dispatcher, health, invariants, metrics, sweep
from executions.canary import State
from executions.models import AgentStart, Canary, Execution, Status, Step
from triggers.models import Event, Trigger

pytestmark = pytest.mark.django_db(transaction=True)
Run = Callable[[], None]


@pytest.fixture(autouse=True)
def turned_on(settings: Settings) -> None:
    settings.CANARY_SECONDS, settings.CANARY_LIMIT_SECONDS = 50, 60
    health.forget()
    metrics.forget()


def let_pass(seconds: float) -> None:
    """As if so long had passed since the last one."""
    ago = dt.timedelta(seconds=seconds)
    for row in Canary.objects.all():
        row.emitted_at = row.emitted_at and row.emitted_at - ago
        row.waits_since = row.waits_since and row.waits_since - ago
        row.save()
    for run in Execution.objects.exclude(finished_at=None):
        Execution.objects.filter(pk=run.pk).update(finished_at=run.finished_at - ago)  # type: ignore[operator]


def state() -> State:
    (found,) = canary.states()
    return found


def test_it_goes_the_way_of_any_event(run_everything_due: Run) -> None:
    run_everything_due()
    (run,) = Execution.objects.all()
    assert (run.status, run.trigger_type, run.event.source) == ("completed", "manual", "canary")
    assert AgentStart.objects.count() == 1
    assert Step.objects.get().kind == "notify"
    seen = state()
    assert (seen.waiting, seen.is_due, seen.is_late) == (0, False, False)
    assert seen.latency is not None
    assert 0 <= seen.latency < 60
    assert list(invariants.broken()) == []


def test_one_in_a_period(run_everything_due: Run) -> None:
    run_everything_due()
    run_everything_due()
    assert Event.objects.count() == 1
    let_pass(51)
    run_everything_due()
    assert Event.objects.count() == 2


def test_none_while_the_last_one_is_under_way() -> None:
    sweep.sweep()
    let_pass(51)
    sweep.sweep()  # nobody dispatches
    dispatcher.dispatch()
    sweep.sweep()  # nobody runs
    assert Event.objects.count() == 1
    assert state().waiting >= 51
    let_pass(10)
    assert state().is_late


def test_who_does_not_end_well_is_followed_and_counts_as_waiting(run_everything_due: Run) -> None:
    sweep.sweep()
    dispatcher.dispatch()
    Execution.objects.update(status=Status.CANCELLED, finished_at=clock.now())
    let_pass(61)
    assert (state().is_due, state().is_late) == (True, True)
    sweep.sweep()
    assert (Event.objects.count(), state().is_late) == (2, True)
    run_everything_due()
    assert (state().waiting, state().is_late) == (0, False)


def test_the_next_one_is_late_where_nobody_emits_it(run_everything_due: Run) -> None:
    run_everything_due()
    let_pass(80)
    assert state().waiting >= 30
    assert not state().is_late
    let_pass(31)
    assert state().is_late


def test_an_event_that_took_long_is_late_until_the_next_one(run_everything_due: Run) -> None:
    run_everything_due()
    Execution.objects.update(finished_at=clock.now() + dt.timedelta(seconds=61))
    assert (state().waiting, state().is_late) == (0, True)


def test_a_clock_that_was_set_back_stops_nobody(run_everything_due: Run) -> None:
    run_everything_due()
    let_pass(-7200)
    assert state().age == 0
    run_everything_due()
    assert Event.objects.count() == 2


def test_few_are_kept(run_everything_due: Run) -> None:
    for _ in range(canary.KEPT + 3):
        run_everything_due()
        AgentStart.objects.update(at=clock.now() - dt.timedelta(hours=2))
        let_pass(51)
    assert [model.objects.count() for model in (Event, Execution, Step)] == [canary.KEPT] * 3
    assert AgentStart.objects.count() == 1
    assert list(invariants.broken()) == []


def test_an_agent_that_was_deleted_is_made_anew(run_everything_due: Run) -> None:
    run_everything_due()
    Trigger.objects.all().delete()
    let_pass(51)
    run_everything_due()
    assert state().waiting == 0
    assert Event.objects.count() == 2


@pytest.mark.parametrize("name", ["CANARY_SECONDS", "TRIGGERS_ENABLED"])
def test_turned_off(settings: Settings, name: str) -> None:
    setattr(settings, name, 0)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        canary.emit_due()
    assert (len(asked), Workspace.objects.count()) == (0, 0)
    assert health.look()["canary"].status == "unused"
    assert b"triggerfish_canary" not in metrics.of_installation()


def test_what_it_costs(run_everything_due: Run) -> None:
    run_everything_due()
    with CaptureQueriesContext(connection) as each_second:
        canary.emit_due()
    let_pass(51)
    with CaptureQueriesContext(connection) as each_period:
        canary.emit_due()
    assert len(each_second) == 1
    assert len(each_period) <= 16


def test_nobody_sees_it(
    acme: Workspace, member: Callable[..., User], api: APIClient, run_everything_due: Run
) -> None:
    run_everything_due()
    root = User.objects.create_superuser("root", email="root@example.org")
    client = Client()
    for user in (member("viola"), root):
        client.force_login(user)
        User.objects.filter(pk=user.pk).update(is_staff=True)
        for page in ("executions/execution", "triggers/event", "agents/agent", "crm/workspace"):
            answer = client.get(f"/admin/{page}/")
            assert b"canary" not in answer.content
            assert b"ynthetic" not in answer.content
    run = Execution.objects.get()
    assert client.get(f"/admin/executions/execution/{run.pk}/change/").status_code == 404
    assert api.get("/api/v1/executions").json()["results"] == []
    told = metrics.of_installation().decode()
    assert 'triggerfish_agents{status="live"}' not in told
    assert 'triggerfish_canary_latency_seconds{workspace_class="shared"}' in told
    assert 'triggerfish_canary_late_total{workspace_class="shared"} 0.0' in told


def test_health_tells_it(run_everything_due: Run) -> None:
    assert health.look()["canary"].status == "unknown"
    run_everything_due()
    health.forget()
    part = health.look()["canary"]
    assert (part.status, part.lag_seconds is not None) == ("up", True)
    let_pass(200)
    health.forget()
    part = health.look()["canary"]
    assert (part.status, part.works) == ("degraded", True)
    assert part.message.startswith("Events are answered late: a synthetic one took or waits 1")
    assert (part.lag_seconds or 0) >= 150
