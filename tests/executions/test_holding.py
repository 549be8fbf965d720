"""A host outside goes away and comes back: its runs wait, others do not, and nobody is blamed."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_httpserver import HTTPServer
from rest_framework.test import APIClient
from werkzeug import Request, Response

from agents import hosts
from agents.actions import ActionFailed, HostAway
from agents.models import FailingHost
from config.lib import clock
from crm.models import Workspace
from executions import dispatcher, executor, holding, performing, sweep
from executions.models import AgentStart, Alert, AlertKind, Execution, Reason, Status
from executions.pages import words
from tests.stories import MakeAgent, MakeTrigger
from triggers import events
from triggers.models import TriggerStatus

pytestmark = pytest.mark.django_db(transaction=True)
Run = Callable[[], None]
FREE = {
    "max_executions_per_minute": None,
    "max_executions_per_day": None,
    "max_concurrent": None,
    "max_attempts": 3,
    "timeout_seconds": 60,
}


class Provider:
    """A server whose answers a test switches; `calls` counts requests by path, `times` when they came."""

    def __init__(self, server: HTTPServer) -> None:
        self.server = server
        self.status = 200
        self.headers: dict[str, str] = {}
        self.calls: Counter[str] = Counter()
        self.times: list[float] = []
        self._lock = threading.Lock()
        server.expect_request("/").respond_with_handler(self._answer)

    def _answer(self, request: Request) -> Response:
        with self._lock:
            self.calls[request.args.get("run", "")] += 1
            self.times.append(time.monotonic())
        return Response("{}", self.status, self.headers, mimetype="application/json")

    @property
    def host(self) -> str:
        return f"{self.server.host}:{self.server.port}"

    @property
    def step(self) -> dict[str, Any]:
        url = self.server.url_for("/") + "?run=@inputs.n"
        return {"action": "http_request", "params": {"url": url}}


@pytest.fixture
def provider(httpserver: HTTPServer, settings: Any) -> Provider:
    settings.OUTBOUND_ALLOW = ["127.0.0.1", "localhost"]
    settings.HOST_AWAY_SECONDS, settings.HOST_FAILURES = 300.0, 3
    return Provider(httpserver)


@pytest.fixture
def begin(acme: Workspace, make_agent: MakeAgent, make_trigger: MakeTrigger) -> Callable[..., Any]:
    """`begin(3, step, **limits)`: an agent with the step, its trigger, and so many queued runs."""

    def make(runs: int, step: dict[str, Any], *, name: str = "A", **limits: Any) -> Any:
        agent = make_agent(name, step, restrictions={**FREE, **limits})
        trigger = make_trigger(
            agent, f"sale_{name.lower()}", input_mapping={"n": "$.n"}, max_executions_per_hour=None
        )
        for n in range(runs):
            events.emit(f"sale_{name.lower()}", workspace_id=acme.pk, payload={"n": n})
        dispatcher.dispatch()
        return trigger

    return make


def statuses() -> Counter[str]:
    return Counter(Execution.objects.values_list("status", flat=True))


def ask_again() -> None:
    """The moment has come when the host may be asked again."""
    FailingHost.objects.update(open_until=clock.now(), released_at=None)


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


def test_a_probe_that_fails_is_another_run_each_time(
    provider: Provider, begin: Callable[..., Any], run_everything_due: Run
) -> None:
    provider.status = 500
    FailingHost.objects.create(
        workspace=begin(4, provider.step).workspace,
        host=provider.host,
        failures=3,
        failed_at=clock.now(),
        away_since=clock.now(),
        open_until=clock.now() + dt.timedelta(minutes=1),
    )
    run_everything_due()
    assert not provider.calls
    for _ in range(4):
        ask_again()
        run_everything_due()
    assert sorted(provider.calls.values()) == [1, 1, 1, 1]
    assert set(Execution.objects.values_list("status", "attempt", "holds")) == {("queued", 1, 2)}
    assert FailingHost.objects.get().trips == 4


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


def test_what_is_held_for_a_host_that_nobody_knows_goes_on(
    provider: Provider, begin: Callable[..., Any], run_everything_due: Run
) -> None:
    begin(3, provider.step)
    Execution.objects.update(held_for=provider.host, run_at=clock.now() + dt.timedelta(hours=1))
    assert holding.release() == 3
    run_everything_due()
    assert statuses() == {"completed": 3}


@pytest.mark.parametrize("is_back", [True, False])
def test_a_clock_that_was_set_back_holds_nobody(
    provider: Provider, begin: Callable[..., Any], acme: Workspace, *, is_back: bool
) -> None:
    begin(3, provider.step)
    now = clock.now()
    Execution.objects.update(held_for=provider.host, run_at=now)
    FailingHost.objects.create(
        workspace=acme,
        host=provider.host,
        failures=0 if is_back else 3,
        away_since=now,
        open_until=None if is_back else now,
        is_returning=is_back,
        return_rate=5.0,
        released_at=now + dt.timedelta(hours=2),
    )
    assert holding.release() == (3 if is_back else 1)


def test_the_moment_is_told_little_by_little(
    provider: Provider,
    begin: Callable[..., Any],
    acme: Workspace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(holding, "MOVED_AT_ONCE", 2)
    monkeypatch.setattr(holding, "_said", {})
    begin(5, provider.step)
    now = clock.now()
    Execution.objects.update(held_for=provider.host, run_at=now)
    host = FailingHost.objects.create(workspace=acme, host=provider.host, away_since=now)
    for hours in (1, 2):
        host.open_until = now + dt.timedelta(hours=hours)
        host.save()
        told = []
        for _ in range(4):
            holding.release()
            told.append(Execution.objects.filter(run_at=host.open_until).count())
        assert told == [2, 4, 5, 5]
    with CaptureQueriesContext(connection) as seen:
        holding.release()
    assert not [one for one in seen if one["sql"].startswith("UPDATE")]
    FailingHost.objects.update(open_until=None)
    holding.release()
    holding.release()
    assert holding._said == {}


def test_the_return_is_spread_out(
    provider: Provider, begin: Callable[..., Any], run_everything_due: Run, settings: Any
) -> None:
    """No herd: 120 runs over 6 s or, on a busy machine, more; no second has more than twice those of 1 s."""
    settings.HOST_RETURN_SECONDS = 6.0
    provider.status = 503
    begin(120, provider.step)
    run_everything_due()
    Execution.objects.filter(status=Status.RETRYING).update(run_at=clock.now())
    run_everything_due()
    assert Execution.objects.held().count() == 120
    before = len(provider.times)
    provider.status = 200
    ask_again()
    end = time.monotonic() + 60
    while statuses()["completed"] < 120 and time.monotonic() < end:
        sweep.sweep()
        executor.drain()
        threading.Event().wait(0.25)
    assert statuses() == {"completed": 120}
    came = provider.times[before + 1 :]  # after the one that was sent ahead
    seconds = Counter(int(at - came[0]) for at in came)
    assert max(seconds.values()) <= 2 * 120 / settings.HOST_RETURN_SECONDS, seconds
    assert came[-1] - came[0] > settings.HOST_RETURN_SECONDS - 1.5
    assert max(provider.calls.values()) <= 3


class TestBreaker:
    """`agents.hosts` alone."""

    async def call(self, acme: Workspace, *, fails: ActionFailed | None = None) -> None:
        async with hosts.calling(acme.pk, "h.example:443") as call:
            await asyncio.sleep(0.3)
            if fails:
                raise fails
            call.answered = True

    def failure(self, **more: Any) -> ActionFailed:
        return ActionFailed("no", retryable=True, host="h.example:443", **more)

    def test_opens_after_failures_in_a_row(self, acme: Workspace, provider: Provider) -> None:
        async def story() -> list[type[BaseException] | None]:
            came: list[type[BaseException] | None] = []
            for fails in (True, True, False, True, True, True, False):
                try:
                    await self.call(acme, fails=self.failure() if fails else None)
                    came.append(None)
                except ActionFailed as error:
                    came.append(type(error))
            return came

        came = asyncio.run(story())
        assert came == [*[ActionFailed] * 2, None, *[ActionFailed] * 2, HostAway, HostAway]

    def test_only_one_asks_again(self, acme: Workspace, provider: Provider) -> None:
        for _ in range(3):
            hosts.note_failure(acme.pk, "h.example:443", error="no")
        ask_again()

        async def story() -> list[Any]:
            return await asyncio.gather(
                *(self.call(acme) for _ in range(20)), return_exceptions=True
            )

        came = Counter(type(one) for one in asyncio.run(story()))
        assert came == {type(None): 1, HostAway: 19}

    def test_waits_for_as_long_as_it_is_asked_to(self, acme: Workspace, provider: Provider) -> None:
        for _ in range(3):
            hosts.note_failure(acme.pk, "h.example:443", error="no", retry_after=3600.0)
        row = FailingHost.objects.get()
        assert row.open_until is not None
        assert row.open_until - clock.now() > dt.timedelta(minutes=59)

    def test_old_failures_do_not_count(self, acme: Workspace, provider: Provider) -> None:
        for _ in range(2):
            hosts.note_failure(acme.pk, "h.example:443", error="no")
        FailingHost.objects.update(failed_at=clock.now() - dt.timedelta(hours=1))
        assert hosts.note_failure(acme.pk, "h.example:443", error="no").failures == 1


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
