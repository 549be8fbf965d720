"""A host outside whose answers a test switches, and runs that ask it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from agents.models import FailingHost
from config.lib import clock
from crm.models import Workspace
from executions import dispatcher
from executions.models import Execution
from tests.stories import MakeAgent, MakeTrigger
from triggers import events

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
