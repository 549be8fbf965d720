"""The database goes away, or one row is broken: what runs goes on, and nothing is left running for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import OperationalError, connection

from agents.actions import ActionFailed, Effect, Scene
from agents.models import Agent, FailingHost
from config.lib import clock
from config.lib.threads import in_thread
from executions import executor, holding, journal, loading, queue, reaper, step_rows, sweep
from executions.models import AgentGate, Alert, AlertKind, Execution, Status, Step, StepState

pytestmark = pytest.mark.django_db(transaction=True)
Run = Callable[[], None]
Start = Callable[..., Execution]
Act = Callable[..., None]
NOTIFY = {"action": "notify", "params": {"message": "Hi"}}


def failing(real: Callable[..., Any], *, call: int) -> Callable[..., Any]:
    """`real`, but its so-manieth call finds no database."""
    calls = []

    def stand_in(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) == call:
            raise OperationalError("the connection is lost")
        return real(*args, **kwargs)

    return stand_in


def status_of(execution: Execution) -> str:
    execution.refresh_from_db()
    return execution.status


def test_runs_go_on_while_nothing_can_be_claimed(
    start: Start, act: Act, run_everything_due: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def rest(scene: Scene, params: dict[str, Any]) -> None:
        await asyncio.sleep(1.5)

    act("rest", rest, effect=Effect.REPEATABLE)
    execution = start({"action": "rest"})
    monkeypatch.setattr(queue, "claim", failing(queue.claim, call=2))
    assert executor.drain() == 1
    assert status_of(execution) == Status.COMPLETED


def test_claimed_rows_that_could_not_be_read_are_read_again(
    start: Start, run_everything_due: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = start(NOTIFY)
    monkeypatch.setattr(loading, "load", failing(loading.load, call=1))
    assert executor.drain() == 1
    assert status_of(execution) == Status.COMPLETED


def test_a_claim_whose_answer_was_lost_is_taken_up(
    start: Start, act: Act, run_everything_due: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows are ours in the ledger; our heartbeats would keep them running for ever."""

    async def rest(scene: Scene, params: dict[str, Any]) -> None:
        await in_thread(AgentGate.objects.update, next_eligible_at=clock.reckoned())
        for _ in range(
            600
        ):  # the other one is taken up while this one runs, however slow the machine
            if await in_thread(Execution.objects.filter(pk=second.pk, status="completed").exists):
                return
            await asyncio.sleep(0.1)

    act("rest", rest, effect=Effect.REPEATABLE)
    first, second = start({"action": "rest"}), start(NOTIFY, name="B")
    AgentGate.objects.filter(agent__name="B").update(next_eligible_at=None)
    real, calls = queue.claim, []

    def claim(**kwargs: Any) -> Any:
        ids = real(**kwargs)
        calls.append(ids)
        if second.pk in ids:
            raise OperationalError("the connection was lost at the commit")
        return ids

    monkeypatch.setattr(queue, "claim", claim)
    executor.drain()
    assert {status_of(first), status_of(second)} == {Status.COMPLETED}


def test_a_driver_without_runs_looks_what_became_of_its_claim(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else they would wait for the end of the lease, and then run one at a time, as runs that lost their worker."""
    executions = [start(NOTIFY), start(NOTIFY, name="B")]
    real, calls = queue.claim, []

    def claim(**kwargs: Any) -> Any:
        calls.append(real(**kwargs))
        if len(calls) == 1:
            raise OperationalError("the connection was lost at the commit")
        return calls[-1]

    monkeypatch.setattr(queue, "claim", claim)
    assert executor.drain() == 2
    assert {status_of(execution) for execution in executions} == {Status.COMPLETED}
    assert {(one.losses, one.attempt) for one in Execution.objects.all()} == {(0, 1)}


def test_what_was_done_outside_is_not_forgotten(
    start: Start, act: Act, run_everything_due: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    async def send(scene: Scene, params: dict[str, Any]) -> None:
        calls.append(1)

    def write(scene: Scene, params: dict[str, Any]) -> None:
        pass

    act("send", send, effect=Effect.OUTSIDE)
    act("write", write, effect=Effect.DATABASE)
    execution = start({"action": "send"}, {"action": "write"})
    monkeypatch.setattr(step_rows, "save_end", failing(step_rows.save_end, call=1))
    monkeypatch.setattr(step_rows, "store", failing(step_rows.store, call=2))  # of the second step
    run_everything_due()
    assert status_of(execution) == Status.RETRYING
    Execution.objects.update(run_at=clock.now())
    run_everything_due()
    assert (status_of(execution), len(calls)) == (Status.COMPLETED, 1)
    assert {step.state for step in Step.objects.all()} == {StepState.DONE}


def test_one_end_that_cannot_be_written_does_not_hold_up_the_others(
    start: Start, act: Act, run_everything_due: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def rest(scene: Scene, params: dict[str, Any]) -> None:
        await asyncio.sleep(0.01)

    act("rest", rest, effect=Effect.NONE)
    bad, good = start({"action": "rest"}), start({"action": "rest"}, name="B")
    end = journal.RunJournal._end

    def spoil(self: journal.RunJournal, step: Step, *args: Any, **kwargs: Any) -> Any:
        if step.execution_id == bad.pk:
            step.number = 100_000
        return end(self, step, *args, **kwargs)

    monkeypatch.setattr(journal.RunJournal, "_end", spoil)
    executor.drain()
    assert (status_of(bad), status_of(good)) == (Status.FAILED, Status.COMPLETED)
    assert "could not be stored" in bad.error_message


@contextmanager
def refused(table: str, condition: str) -> Iterator[None]:
    """The database refuses to change these rows, whoever asks."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION refuse() RETURNS trigger AS $$ BEGIN RAISE 'refused'; END $$ LANGUAGE plpgsql;"
            f"CREATE TRIGGER refuse BEFORE UPDATE ON {table} FOR EACH ROW WHEN ({condition})"
            " EXECUTE FUNCTION refuse()"
        )
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION refuse CASCADE")


def test_an_end_whose_figures_cannot_be_counted_is_a_bare_failure(
    start: Start, run_everything_due: Run
) -> None:
    bad, good = start(NOTIFY), start(NOTIFY, name="B")
    with refused("executions_triggergate", f"NEW.trigger_id = '{bad.trigger_id}'"):
        executor.drain()
    assert (status_of(bad), status_of(good)) == (Status.FAILED, Status.COMPLETED)
    assert (bad.lease, "could not be stored" in bad.error_message) == (None, True)
    assert Alert.objects.get().execution_id == bad.pk


def test_a_row_that_takes_no_end_is_left_alone_and_told(
    start: Start, act: Act, run_everything_due: Run
) -> None:
    """It is tried once, not over and over: neither by its driver, nor by the reaper, which goes on with the others."""

    async def rest(scene: Scene, params: dict[str, Any]) -> None:
        await asyncio.sleep(2.5)  # two looks for rows that nobody runs

    act("rest", rest, effect=Effect.REPEATABLE)
    bad, good = start(NOTIFY), start({"action": "rest"}, name="B")
    with refused("executions_execution", f"NEW.id = '{bad.pk}' AND NEW.lease IS NULL"):
        assert executor.drain() == 2
        assert (status_of(bad), status_of(good)) == (Status.RUNNING, Status.COMPLETED)
        assert (Alert.objects.get().execution_id, bad.attempt) == (bad.pk, 1)
        neighbour = start(NOTIFY, name="C")
        assert bad.lease
        queue.claim(lease=bad.lease, worker="w", places=1)
        assert reaper._take_away_each(bad.lease) == 1
        assert status_of(neighbour) == Status.QUEUED
    assert reaper._take_away_each(bad.lease) == 1
    assert status_of(bad) == Status.QUEUED


def test_a_host_whose_row_is_broken_does_not_keep_the_others_waiting(start: Start) -> None:
    bad, good = start(NOTIFY), start(NOTIFY, name="B")
    for execution, host in ((bad, "a.example"), (good, "b.example")):
        Execution.objects.filter(pk=execution.pk).update(held_for=host)
        FailingHost.objects.create(workspace_id=bad.workspace_id, host=host)
    FailingHost.objects.create(
        workspace_id=bad.workspace_id, host="0.example", open_until=clock.now(), away_since=None
    )
    with refused("agents_failinghost", "NEW.host = 'a.example'"):
        assert holding.release() == 1
    bad.refresh_from_db()
    good.refresh_from_db()
    assert (bad.held_for, good.held_for) == ("a.example", "")
    assert Alert.objects.get().kind == AlertKind.HOST_AWAY
    assert holding.release() == 1


def test_a_message_that_cannot_be_stored_is_cleaned(
    start: Start, act: Act, run_everything_due: Run
) -> None:
    async def fail(scene: Scene, params: dict[str, Any]) -> None:
        raise ActionFailed("it said \x00")

    act("fail", fail, effect=Effect.NONE)
    execution = start({"action": "fail"})
    run_everything_due()
    assert status_of(execution) == Status.FAILED
    assert execution.steps.get().error_message.startswith("it said")


def test_an_agent_that_cannot_be_run_fails_alone(start: Start, run_everything_due: Run) -> None:
    bad, good = start(NOTIFY), start(NOTIFY, name="B")
    Agent.objects.filter(name="A").update(steps=["notify"])
    executor.drain()
    assert (status_of(bad), status_of(good)) == (Status.FAILED, Status.COMPLETED)


def test_the_clock_is_not_read_inside_the_loop(
    start: Start, act: Act, run_everything_due: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where all places are taken nothing is claimed, so the last reading may be old."""

    async def rest(scene: Scene, params: dict[str, Any]) -> None:
        await asyncio.sleep(0.2)

    act("rest", rest, effect=Effect.OUTSIDE)
    monkeypatch.setattr(clock, "_FRESH_SECONDS", 0.1)
    execution = start({"action": "rest"}, NOTIFY)
    executor.drain(slots=1)
    assert status_of(execution) == Status.COMPLETED


def test_the_sweep_gets_over_a_restart_of_the_server(
    start: Start, run_everything_due: Run, caplog: pytest.LogCaptureFixture
) -> None:
    start(NOTIFY)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    assert connection.connection is not None
    connection.connection.close()  # as the server would
    sweep.sweep()
    caplog.clear()
    sweep.sweep()
    assert not caplog.records
