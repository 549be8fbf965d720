"""Workers that hang or die, and messages that never come: no run is lost or done by two."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from agents.actions import Effect, Scene
from config.lib import clock
from config.lib.threads import in_thread
from crm.models import Note, Workspace
from executions import executor, queue, reaper, sweep
from executions.models import AgentGate, Execution, Losses, Reason, Status, Step, StepState

pytestmark = pytest.mark.django_db(transaction=True)
Run = Callable[[], None]


def test_a_late_worker_writes_nothing(
    start: Callable[..., Execution], act: Callable[..., None], run_everything_due: Run
) -> None:
    """Its lease was given to somebody else while it hung."""

    async def hang(scene: Scene, params: dict[str, Any]) -> None:
        await in_thread(Execution.objects.update, lease=uuid.uuid4())

    act("hang", hang, effect=Effect.NONE)
    execution = start({"action": "hang"}, {"action": "create_note", "params": {"text": "late"}})
    executor.drain()
    execution.refresh_from_db()
    assert execution.status == Status.RUNNING
    assert not Note.objects.exists()


def test_a_late_end_is_refused_and_told(
    start: Callable[..., Execution], act: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    async def hang(scene: Scene, params: dict[str, Any]) -> None:
        await in_thread(Execution.objects.update, lease=uuid.uuid4())

    act("hang", hang, effect=Effect.NONE)
    execution = start({"action": "hang"})
    executor.drain()
    execution.refresh_from_db()
    assert execution.status == Status.RUNNING
    (said,) = [one for one in caplog.records if "late ends were refused" in one.message]
    assert vars(said)["runs"] == 1


class TestLostWorkers:
    """A worker that dies is noticed by its heartbeat, on the reaper's own clock."""

    @pytest.fixture(autouse=True)
    def forget(self) -> None:
        reaper._seen.clear()

    def die(self, now: float = 0.0) -> None:
        """Its lease is seen standing still, doubted, and given up."""
        for seconds in (0, 41, 62):
            reaper.reap(monotonic=partial(float, now + seconds))

    def claim(self, **more: Any) -> list[uuid.UUID]:
        AgentGate.objects.update(next_eligible_at=clock.now())
        return queue.claim(lease=uuid.uuid4(), worker="w", places=10, **more)

    def test_its_runs_go_on_alone(
        self, run_everything_due: Run, start: Callable[..., Execution]
    ) -> None:
        execution = start({"action": "notify", "params": {"message": "Hi"}})
        self.claim()
        self.die()
        execution.refresh_from_db()
        assert (execution.status, execution.losses, execution.resumes) == (Status.QUEUED, 1, True)
        assert executor.drain() == 0
        assert executor.drain(slots=1, suspects=True) == 1
        execution.refresh_from_db()
        assert (execution.status, execution.attempt) == (Status.COMPLETED, 1)

    def test_a_worker_of_short_runs_keeps_them(self, start: Callable[..., Execution]) -> None:
        """None lives long enough to beat, and each look finds another one, at the same pulse."""
        lease = uuid.uuid4()
        for number, seconds in enumerate(range(0, 300, 20)):
            start({"action": "notify", "params": {"message": "Hi"}}, name=f"Short{number}")
            AgentGate.objects.update(next_eligible_at=clock.now())
            assert len(queue.claim(lease=lease, worker="w", places=10)) == 1
            assert reaper.reap(monotonic=partial(float, seconds)) == 0
            Execution.objects.running_under(lease).update(status=Status.COMPLETED, lease=None)

    def test_a_beating_worker_keeps_its_runs(self, start: Callable[..., Execution]) -> None:
        execution = start({"action": "notify", "params": {"message": "Hi"}})
        self.claim()
        reaper.reap(monotonic=lambda: 0)
        execution.refresh_from_db()
        Execution.objects.beat(execution.lease)  # type: ignore[arg-type]
        assert reaper.reap(monotonic=lambda: 61) == 0

    def test_twice_alone_is_poison(self, start: Callable[..., Execution]) -> None:
        execution = start({"action": "notify", "params": {"message": "Hi"}})
        self.claim()
        for number in range(3):
            self.die(now=number * 1000)
            self.claim(losses=Losses.MORE if number else Losses.ONE)
        execution.refresh_from_db()
        assert (execution.status, execution.reason) == (Status.FAILED, Reason.POISON)

    def test_a_started_step_outside_needs_a_person(self, start: Callable[..., Execution]) -> None:
        execution = start({"action": "send_email", "params": {}})
        self.claim()
        Step.objects.create(
            execution=execution,
            number=1,
            kind="send_email",
            effect="outside",
            idempotency_key="k",
            state=StepState.STARTED,
            started_at=clock.now(),
        )
        self.die()
        execution.refresh_from_db()
        assert execution.status == Status.INTERRUPTED
        assert execution.steps.get().state == StepState.UNKNOWN


def test_the_sweep_finds_what_no_message_told(
    start: Callable[..., Execution], acme: Workspace, run_everything_due: Run
) -> None:
    execution = start({"action": "notify", "params": {"message": "Hi"}})
    AgentGate.objects.update(next_eligible_at=None)
    assert executor.drain() == 0
    sweep.sweep()
    assert executor.drain() == 1
    execution.refresh_from_db()
    assert execution.status == Status.COMPLETED
