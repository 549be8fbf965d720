"""PostgreSQL ends the connection before any one statement of a task or of the scheduler: the next try finds another."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from itertools import count
from typing import Any

import psycopg
import pytest
import time_machine
from django.db import connection

from crm.models import Workspace
from executions import beat, sweep, tasks
from executions.models import Execution
from tests.executions.ticking import Ticking
from tests.stories import MakeAgent, MakeTrigger
from triggers import events
from triggers.models import Event, Trigger

pytestmark = pytest.mark.django_db(transaction=True)
NOON = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
FEWEST_STATEMENTS = 3


class Cut:
    """Lets so many statements through and then has the server end the connection, once."""

    def __init__(self, after: int) -> None:
        self.left = after
        self.is_done = False

    def __call__(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        if not self.left and not self.is_done:
            self.is_done = True
            end_connection()
        self.left -= 1
        return execute(sql, params, many, context)


def end_connection() -> None:
    """Nothing tells Django of it."""
    connection.ensure_connection()
    assert connection.connection is not None
    with suppress(psycopg.OperationalError):
        connection.connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def each_cut(work: Callable[[], object]) -> Iterator[None]:
    """Does it again and again, each time with the connection ended before its next statement, then once without."""
    for after in count():
        one = Cut(after)
        with connection.execute_wrapper(one):
            work()
        yield
        if not one.is_done:
            assert after > FEWEST_STATEMENTS
            return


@pytest.fixture
def trigger(make_agent: MakeAgent, make_trigger: MakeTrigger) -> Trigger:
    return make_trigger(
        make_agent("Greeter", {"action": "notify", "params": {"message": "Hi"}}), "sale_made"
    )


def test_events_are_dispatched_by_the_next_task(acme: Workspace, trigger: Trigger) -> None:
    events.emit("sale_made", workspace_id=acme.pk, payload={})
    for _ in each_cut(tasks.dispatch_events.apply):
        tasks.dispatch_events.apply()
        assert not Event.objects.filter(state="new").exists()
        assert Execution.objects.count() == Event.objects.count()
        events.emit("sale_made", workspace_id=acme.pk, payload={})


def test_a_task_leaves_a_connection_that_ended_before_it(acme: Workspace, trigger: Trigger) -> None:
    events.emit("sale_made", workspace_id=acme.pk, payload={})
    end_connection()
    tasks.dispatch_events.apply()
    assert Execution.objects.count() == 1


def test_the_next_tick_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    failed: list[str] = []
    monkeypatch.setattr(sweep, "AGAIN_SECONDS", 0)
    monkeypatch.setattr(
        sweep.log, "exception", lambda *_, extra, **__: failed.append(extra["part"])
    )
    for _ in each_cut(tasks.tick.apply):
        failed.clear()
        tasks.tick.apply()
        assert not failed


def test_the_scheduler_ticks_on() -> None:
    beat.ensure_entries()
    with time_machine.travel(NOON, tick=False) as traveller:

        def starts_and_ticks() -> None:
            with closing(Ticking()) as scheduler:
                assert scheduler.ticks_within(traveller, seconds=4) >= 2

        for _ in each_cut(starts_and_ticks):
            continue
