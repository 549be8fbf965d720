"""A flood, as the pages hear of it: each skip is told, and what concerns an agent or a trigger is told once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agents.actions import ActionFailed, Effect, Scene
from config.lib import clock
from crm.models import Workspace
from executions import dispatcher, executor, launch, skipping, sweep
from executions.models import AgentGate, Alert, AlertKind, Execution, Reason
from tests.executions.test_live import Listener
from tests.stories import MakeAgent, MakeTrigger
from triggers import events

pytestmark = pytest.mark.django_db(transaction=True)
Run = Callable[[], None]
Act = Callable[..., None]
Queue = Callable[..., None]
NOTIFY = {"action": "notify", "params": {"message": "Hi"}}


@pytest.fixture
def heard(acme: Workspace) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """What the workspace's sockets were sent so far."""
    listener = Listener(acme.pk)
    yield lambda: [notice for message in listener.messages() for notice in message]
    listener.pubsub.close()


@pytest.fixture
def flood(acme: Workspace, make_agent: MakeAgent, make_trigger: MakeTrigger) -> Queue:
    def make(count: int, step: dict[str, Any], **limits: Any) -> None:
        make_trigger(
            make_agent("A", step, restrictions=limits), "sale", max_executions_per_hour=None
        )
        for _ in range(count):
            events.emit("sale", workspace_id=acme.pk, payload={})
        dispatcher.dispatch()

    return make


def test_what_waited_and_is_skipped_is_told(
    flood: Queue, heard: Callable[[], list[dict[str, Any]]], run_everything_due: Run
) -> None:
    flood(3, NOTIFY)
    launch.pause(Execution.objects.select_related("agent")[0].agent)  # type: ignore[arg-type]
    sweep.sweep()
    told = [one for one in heard() if one["type"] == "execution:skipped"]
    assert {one["execution_id"] for one in told} == {
        str(pk) for pk in Execution.objects.values_list("pk", flat=True)
    }
    assert {one["reason"] for one in told} == {Reason.AGENT_PAUSED}


def test_very_many_skips_are_one_overflow(
    flood: Queue, heard: Callable[[], list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(skipping, "TOLD_AT_ONCE", 2)
    flood(5, NOTIFY)
    heard()
    ids = list(Execution.objects.values_list("pk", flat=True))
    assert skipping.skip(ids, reason=Reason.EXPIRED, now=clock.now()) == 5
    assert skipping.skip(ids, reason=Reason.EXPIRED, now=clock.now()) == 0
    told = Counter(one["type"] for one in heard())
    assert told == {"execution:skipped": 2, "overflow": 1}


def test_a_rate_limit_is_told_once_a_minute(
    flood: Queue, heard: Callable[[], list[dict[str, Any]]], run_everything_due: Run
) -> None:
    flood(60, NOTIFY, max_executions_per_minute=10)
    for _ in range(15):
        AgentGate.objects.update(next_eligible_at=clock.now())
        executor.drain()
        sweep.sweep()
    told = [one for one in heard() if one["type"] == "execution:rate-limited"]
    assert len(told) == 1
    assert told[0]["reason"] == "Rate limit exceeded (10/min)"
    assert 0 < told[0]["retry_in"] <= 60
    assert Execution.objects.filter(status="completed").count() == 10


def test_a_full_day_is_told_once(
    flood: Queue, heard: Callable[[], list[dict[str, Any]]], run_everything_due: Run
) -> None:
    flood(30, NOTIFY, max_executions_per_day=5, max_executions_per_minute=None)
    run_everything_due()
    told = Counter(one["type"] for one in heard())
    assert told["agent:auto-paused"] == 1
    assert told["execution:skipped"] == 25
    assert Alert.objects.filter(kind=AlertKind.DAILY_LIMIT).count() == 1


def test_a_trigger_in_error_is_told_once(
    flood: Queue, act: Act, heard: Callable[[], list[dict[str, Any]]], run_everything_due: Run
) -> None:
    async def fail(scene: Scene, params: dict[str, Any]) -> None:
        raise ActionFailed("no such place")

    act("fail", fail, effect=Effect.NONE)
    flood(40, {"action": "fail"}, max_executions_per_minute=None, max_concurrent=1)
    run_everything_due()
    told = [one for one in heard() if one["type"] == "trigger:error"]
    assert len(told) == 1
    assert "no such place" in told[0]["message"]
    assert Alert.objects.filter(kind=AlertKind.TRIGGER_ERROR).count() == 1
    assert Execution.objects.filter(status="failed").count() == 5
    assert Execution.objects.filter(reason=Reason.TRIGGER_ERROR).count() == 35
