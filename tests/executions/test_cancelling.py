"""A cancel holds at every moment, and nothing of a run comes after its end."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from agents.actions import Effect, Scene
from config.lib.threads import in_thread
from crm.models import Note
from executions import executor, launch, queue, reaper
from executions.models import Execution, Status, StepState

pytestmark = pytest.mark.django_db(transaction=True)
Run = Callable[[], None]
Start = Callable[..., Execution]
Act = Callable[..., None]


def test_a_cancelled_run_does_not_wait_or_retry(
    start: Start, act: Act, run_everything_due: Run
) -> None:
    """It was asked to stop when its last look was over."""

    async def ask(scene: Scene, params: dict[str, Any]) -> None:
        await in_thread(Execution.objects.request_cancel, scene.execution_id)

    act("ask", ask, effect=Effect.NONE)
    execution = start({"action": "ask"}, {"action": "wait", "params": {"days": 1}})
    executor.drain()
    execution.refresh_from_db()
    assert (execution.status, execution.run_at) == (Status.CANCELLED, None)
    assert execution.finished_at is not None


def test_what_was_cancelled_while_its_worker_was_dead_does_not_run_again(
    start: Start, run_everything_due: Run
) -> None:
    execution = start({"action": "notify", "params": {"message": "Hi"}})
    queue.claim(lease=uuid.uuid4(), worker="w", places=10)
    assert launch.cancel(execution)
    reaper._seen.clear()
    for seconds in (0.0, 41.0, 62.0):
        reaper.reap(monotonic=partial(float, seconds))
    execution.refresh_from_db()
    assert execution.status == Status.CANCELLED
    assert executor.drain(slots=1, suspects=True) == 0


def test_a_run_ends_after_its_transaction(start: Start, act: Act, run_everything_due: Run) -> None:
    begun, may_go_on = threading.Event(), threading.Event()

    def write(scene: Scene, params: dict[str, Any]) -> None:
        Note.objects.create(workspace_id=scene.workspace_id, text="written")
        begun.set()
        may_go_on.wait(20)

    act("write", write, effect=Effect.DATABASE)
    execution = start({"action": "write"})
    driving = threading.Thread(target=executor.drain)
    driving.start()
    assert begun.wait(10)
    launch.cancel(execution)
    driving.join(2.5)
    execution.refresh_from_db()
    assert execution.status == Status.RUNNING
    may_go_on.set()
    driving.join(10)
    execution.refresh_from_db()
    assert execution.status == Status.CANCELLED
    assert execution.steps.get().state == StepState.DONE
    assert Note.objects.exists()


def test_an_actions_own_timeout_is_not_the_runs(
    start: Start, act: Act, run_everything_due: Run
) -> None:
    async def give_up(scene: Scene, params: dict[str, Any]) -> None:
        raise TimeoutError("no answer")

    act("give_up", give_up, effect=Effect.REPEATABLE)
    execution = start({"action": "give_up"})
    run_everything_due()
    execution.refresh_from_db()
    assert execution.status == Status.FAILED
    assert "no answer" in execution.error_message
    assert execution.steps.get().state == StepState.FAILED


def test_a_worker_that_beats_again_keeps_its_runs(start: Start) -> None:
    """While the database is away nobody can beat, and nobody can look."""
    execution = start({"action": "notify", "params": {"message": "Hi"}})
    lease = uuid.uuid4()
    queue.claim(lease=lease, worker="w", places=10)
    reaper._seen.clear()
    reaper.reap(monotonic=lambda: 0)
    assert reaper.reap(monotonic=lambda: 300) == 0
    Execution.objects.beat(lease)
    assert reaper.reap(monotonic=lambda: 325) == 0
    execution.refresh_from_db()
    assert execution.status == Status.RUNNING


def test_a_stop_reaches_forked_children(monkeypatch: pytest.MonkeyPatch) -> None:
    """`executor.start` is called before a worker forks, `executor.stop` in the parent."""
    import os

    monkeypatch.setattr(executor, "_stopping", executor._stopping)  # given back after the test
    executor.start()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(reader, 1)
        os._exit(executor._stopping[0])
    executor.stop()
    os.write(writer, b"x")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
    executor.start()
    assert executor._stopping[0] == 0
