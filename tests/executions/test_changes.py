"""Agent, trigger or workspace changed at any moment of the path: nothing crashes, nothing sticks, each row says why.

A table: at each moment each change, and what becomes of the row.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from agents.actions import ActionFailed, Effect, Scene, Wait
from agents.models import Agent, AgentStatus
from config.lib import clock
from config.lib.threads import in_thread
from crm.models import Workspace
from executions import dispatcher, executor, launch, queue, reaper, resolving
from executions.models import AgentGate, Execution, Step, StepState
from tests.stories import MakeAgent, MakeTrigger
from triggers import blueprint, events
from triggers.models import Event, EventState, Trigger, TriggerStatus

pytestmark = pytest.mark.django_db(transaction=True)
Act = Callable[..., None]
Run = Callable[[], None]
Change = Callable[[Agent, Trigger, Agent], object]


def move(agent: Agent, trigger: Trigger, other: Agent) -> None:
    trigger = Trigger.objects.get(pk=trigger.pk)
    blueprint.store(trigger, {"agent_id": str(other.pk)})
    launch.hand_over(trigger, agent)


CHANGES: dict[str, Change] = {
    "agent deleted": lambda agent, _t, _o: Agent.objects.filter(pk=agent.pk).delete(),
    "agent paused": lambda agent, _t, _o: launch.pause(agent),
    "agent archived": lambda agent, _t, _o: launch.archive(agent),
    "agent made a draft": lambda agent, _t, _o: Agent.objects.filter(pk=agent.pk).update(
        status=AgentStatus.DRAFT
    ),
    "steps changed": lambda agent, _t, _o: Agent.objects.filter(pk=agent.pk).update(
        steps=[{"action": "fine"}, {"action": "fine"}]
    ),
    "trigger deleted": lambda _a, trigger, _o: Trigger.objects.filter(pk=trigger.pk).delete(),
    "trigger paused": lambda _a, trigger, _o: launch.disable(trigger),
    "trigger in error": lambda _a, trigger, _o: Trigger.objects.filter(pk=trigger.pk).update(
        status=TriggerStatus.ERROR
    ),
    "trigger moved": move,
    "workspace paused": lambda agent, _t, _o: Workspace.objects.filter(
        pk=agent.workspace_id
    ).update(paused=True),
    "workspace deleted": lambda agent, _t, _o: Workspace.objects.filter(
        pk=agent.workspace_id
    ).delete(),
}
OFF = {  # what becomes of a row that waits
    "agent deleted": "skipped agent_not_live",
    "agent paused": "skipped agent_paused",
    "agent archived": "skipped agent_not_live",
    "agent made a draft": "skipped agent_not_live",
    "steps changed": "completed",
    "trigger deleted": "skipped trigger_disabled",
    "trigger paused": "skipped trigger_disabled",
    "trigger in error": "skipped trigger_error",
    "trigger moved": "completed",
    "workspace paused": "queued",
    "workspace deleted": "",
}
EXPECTED = {
    "recorded": OFF | {"agent deleted": "", "trigger deleted": ""},
    "queued": OFF,
    "running": dict.fromkeys(OFF, "completed") | {"workspace deleted": ""},
    "retrying": OFF,
    "waiting": OFF,
    "interrupted": dict.fromkeys(OFF, "interrupted") | {"workspace deleted": ""},
}
CASES = [(moment, change) for moment in EXPECTED for change in CHANGES]


@pytest.mark.parametrize(("moment", "change"), CASES, ids=[f"{m}: {c}" for m, c in CASES])
def test_each_change_at_each_moment(
    moment: str,
    change: str,
    acme: Workspace,
    act: Act,
    make_agent: MakeAgent,
    make_trigger: MakeTrigger,
    run_everything_due: Run,
) -> None:
    other = make_agent("Other", {"action": "fine"})
    agent = make_agent("Agent", {"action": moment if moment in STEPS else "fine"})
    trigger = make_trigger(agent, "sale")
    _offer_actions(act, partial(CHANGES[change], agent, trigger, other))
    events.emit("sale", workspace_id=acme.pk, payload={})
    REACH[moment]()
    if moment != "running":
        CHANGES[change](agent, trigger, other)
    _let_time_pass()
    run_everything_due()
    rows = [f"{row.status} {row.reason}".strip() for row in Execution.objects.all()]
    assert rows == ([EXPECTED[moment][change]] if EXPECTED[moment][change] else [])
    assert not Event.objects.filter(state=EventState.NEW).exists()
    assert not Execution.objects.filter(status="skipped", finished_at=None).exists()
    _decide_where_in_doubt()


STEPS = ("running", "retrying", "waiting")


def _offer_actions(act: Act, change: Callable[[], object]) -> None:
    """`running` changes things in the middle of itself, `retrying` fails once, `waiting` waits a day."""
    calls: list[str] = []

    async def fine(scene: Scene, params: dict[str, Any]) -> None:
        """Does nothing, well."""

    async def running(scene: Scene, params: dict[str, Any]) -> None:
        await in_thread(change)

    async def retrying(scene: Scene, params: dict[str, Any]) -> None:
        calls.append("again")
        if len(calls) == 1:
            raise ActionFailed("not yet", retryable=True)

    async def waiting(scene: Scene, params: dict[str, Any]) -> None:
        if scene.started_at is None or not calls:
            calls.append("waited")
            raise Wait(clock.reckoned() + dt.timedelta(days=1))

    act("fine", fine, effect=Effect.NONE)
    act("running", running, effect=Effect.NONE)
    act("retrying", retrying, effect=Effect.NONE)
    act("waiting", waiting, effect=Effect.NONE)


def _run_once() -> None:
    dispatcher.dispatch()
    executor.drain()


def _interrupt() -> None:
    reaper._seen.clear()
    dispatcher.dispatch()
    queue.claim(lease=uuid.uuid4(), worker="w", places=10)
    Step.objects.create(
        execution=Execution.objects.get(), number=1, kind="fine", effect="outside",
        idempotency_key="k", state=StepState.STARTED, started_at=clock.now(),
    )  # fmt: skip
    for seconds in (0, 41, 62):
        reaper.reap(monotonic=partial(float, seconds))


REACH: dict[str, Callable[[], object]] = {
    "recorded": lambda: None,
    "queued": dispatcher.dispatch,
    "running": _run_once,
    "retrying": _run_once,
    "waiting": _run_once,
    "interrupted": _interrupt,
}


def _let_time_pass() -> None:
    waiting = Execution.objects.filter(status__in=["queued", "retrying"]).exclude(run_at=None)
    waiting.update(run_at=clock.now())
    AgentGate.objects.update(next_eligible_at=clock.now())


def _decide_where_in_doubt() -> None:
    """Whatever was changed, a run in doubt can be ended."""
    for row in Execution.objects.filter(status="interrupted"):
        resolving.resolve(row, resolving.Resolution.CANCEL, by="Ann")
    assert not Execution.objects.filter(status="interrupted").exists()


def test_a_run_whose_done_steps_were_moved_ends_and_says_so(
    acme: Workspace,
    act: Act,
    make_agent: MakeAgent,
    make_trigger: MakeTrigger,
    run_everything_due: Run,
) -> None:
    """Else step 2 of now would be taken for done, or done twice."""
    _offer_actions(act, lambda: None)
    note = {"action": "create_note", "params": {"text": "hello"}}
    agent = make_agent("Agent", {"action": "fine"}, {"action": "waiting"})
    make_trigger(agent, "sale")
    events.emit("sale", workspace_id=acme.pk, payload={})
    _run_once()
    Agent.objects.update(steps=[note, {"action": "fine"}, {"action": "waiting"}])
    _let_time_pass()
    run_everything_due()
    row = Execution.objects.get()
    assert row.status == "cancelled"
    assert "Step 1 of the agent was changed" in row.error_message


def test_a_moved_triggers_rows_are_handed_over_at_once(
    acme: Workspace, act: Act, make_agent: MakeAgent, make_trigger: MakeTrigger
) -> None:
    _offer_actions(act, lambda: None)
    first, second = (
        make_agent("First", {"action": "fine"}),
        make_agent("Second", {"action": "fine"}),
    )
    trigger = make_trigger(first, "sale")
    for _ in range(3):
        events.emit("sale", workspace_id=acme.pk, payload={})
    dispatcher.dispatch()
    move(first, trigger, second)
    events.emit("sale", workspace_id=acme.pk, payload={})
    dispatcher.dispatch()
    executor.drain()
    ran = Execution.objects.order_by("position").values_list("agent__name", "status")
    assert list(ran) == [("First", "completed")] * 3 + [("Second", "completed")]
