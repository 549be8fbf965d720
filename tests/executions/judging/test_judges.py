"""Judges that die, hang, stop or come in numbers: each row is asked about once, and none is lost."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Agent
from config.lib.threads import in_thread
from crm.models import Workspace
from executions import dispatcher, executor, invariants, launch, reaper, undecided
from executions.judging import Judge
from executions.models import (
    Execution,
    Status,
    Verdict,
)
from tests.agents.modelserver import Fault, ModelServer, Say
from tests.executions.judging.judged import ASKS, NOTIFY, contact, judged, says
from tests.stories import MakeAgent, MakeTrigger
from triggers.models import Trigger

pytestmark = pytest.mark.django_db(transaction=True)

Run = Callable[[], None]


def drive_until_decided(judges: list[Judge]) -> None:
    """The judges of as many processes, side by side, until nothing is left."""

    async def drive() -> None:
        tasks = [asyncio.create_task(judge.drive()) for judge in judges]
        async with asyncio.timeout(60):
            while await in_thread(Execution.objects.undecided().exists):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(drive())


def test_a_judge_that_died_costs_nothing_and_the_row_is_judged_again(
    pending: Execution, brain: ModelServer
) -> None:
    lease = uuid.uuid4()
    taken = undecided.take(lease=lease, places=5, turn=undecided.Turn(), held={}, most=5)
    assert taken == [pending.pk]
    assert executor.drain() == 0, "somebody is judging it"
    for seconds in (0, 41, 62):
        reaper.reap_judges(monotonic=lambda at=seconds: 1000.0 + at)  # type: ignore[misc]
    pending.refresh_from_db()
    assert pending.lease is None
    assert (pending.attempt, pending.losses) == (0, 0)
    brain.say(says())
    assert judged(pending).status == Status.COMPLETED
    assert len(brain.asked) == 1


def test_a_judge_that_beats_keeps_its_rows(pending: Execution) -> None:
    lease = uuid.uuid4()
    undecided.take(lease=lease, places=5, turn=undecided.Turn(), held={}, most=5)
    for seconds in (0, 41, 62, 90, 120, 180):
        undecided.watch(lease, beat=True)
        assert reaper.reap_judges(monotonic=lambda at=seconds: 1000.0 + at) == 0  # type: ignore[misc]
    pending.refresh_from_db()
    assert pending.lease == lease


def test_two_judges_never_ask_about_one_row(
    acme: Workspace, trigger: Trigger, brain: ModelServer
) -> None:
    brain.say(Say(calls=says().calls, delay=0.05))
    for number in range(40):
        contact(acme, f"What do {number} cost?")
    dispatcher.dispatch()

    judges = [Judge(8, changed=lambda: None) for _ in range(2)]
    drive_until_decided(judges)
    assert sum(judge.judged for judge in judges) == 40
    assert all(judge.judged for judge in judges)
    assert len(brain.asked) == 40
    assert Execution.objects.filter(verdict=Verdict.MET).count() == 40


def test_two_judges_ask_about_one_content_once(
    acme: Workspace, trigger: Trigger, brain: ModelServer
) -> None:
    brain.say(Say(calls=says().calls, delay=0.3))
    for _ in range(6):
        contact(acme)
    dispatcher.dispatch()

    drive_until_decided([Judge(3, changed=lambda: None) for _ in range(2)])
    assert len(brain.asked) == 1


def test_a_batch_is_a_few_statements(acme: Workspace, trigger: Trigger, agent: Agent) -> None:
    for number in range(30):
        contact(acme, str(number))
    dispatcher.dispatch()
    lease = uuid.uuid4()
    with CaptureQueriesContext(
        connection,
    ) as caught:
        taken = undecided.take(lease=lease, places=20, turn=undecided.Turn(), held={}, most=20)
        works = undecided.load(taken, lease=lease)
    assert len(works) == 20
    assert len(caught) == 6, [query["sql"][:80] for query in caught]


def test_a_flood_of_one_agent_leaves_places_for_others(
    acme: Workspace, trigger: Trigger, make_agent: MakeAgent, make_trigger: MakeTrigger
) -> None:
    for number in range(30):
        contact(acme, str(number))
    dispatcher.dispatch()
    turn, lease = undecided.Turn(), uuid.uuid4()
    flood = undecided.take(lease=lease, places=20, turn=turn, held={}, most=15)
    assert len(flood) == 15
    other = make_agent("Other", NOTIFY)
    make_trigger(other, "contact_updated", conditions=ASKS)
    ann = contact(acme, "x")
    ann.title = "Boss"
    ann.save()
    dispatcher.dispatch()
    more = undecided.take(lease=lease, places=5, turn=turn, held={trigger.agent_id: 15}, most=15)
    assert set(Execution.objects.filter(pk__in=more).values_list("agent_id", flat=True)) == {
        other.pk
    }


def test_agents_take_turns(
    acme: Workspace, trigger: Trigger, make_agent: MakeAgent, make_trigger: MakeTrigger
) -> None:
    others = [make_agent(f"Agent {number}", NOTIFY) for number in range(3)]
    for other in others:
        make_trigger(other, "contact_created", conditions=ASKS)
    for number in range(5):
        contact(acme, str(number))
    dispatcher.dispatch()
    turn, lease = undecided.Turn(), uuid.uuid4()
    taken = undecided.take(lease=lease, places=8, turn=turn, held={}, most=15)
    agents = list(Execution.objects.filter(pk__in=taken).values_list("agent_id", flat=True))
    assert sorted(agents.count(pk) for pk in set(agents)) == [2, 2, 2, 2]


def test_a_judge_that_is_told_to_stop_gives_its_rows_back(
    pending: Execution, brain: ModelServer
) -> None:
    brain.say(Fault.SILENT)

    async def begin_and_stop() -> None:
        judge = Judge(4, changed=lambda: None)
        task = asyncio.create_task(judge.drive())
        async with asyncio.timeout(20):
            while not brain.asked:  # noqa: ASYNC110 - the server runs in a thread of its own
                await asyncio.sleep(0.02)
        await judge.stop(grace=0.1)
        await task

    asyncio.run(begin_and_stop())
    pending.refresh_from_db()
    assert pending.lease is None
    assert (pending.status, pending.attempt) == (Status.QUEUED, 0)


def test_a_judge_lets_go_of_what_was_taken_away(pending: Execution, brain: ModelServer) -> None:
    """Cancelled in the middle of the call: nothing of the answer is written, and its place is free."""
    brain.say(Fault.SILENT)
    driving = threading.Thread(target=executor.drain)
    driving.start()
    try:
        while not brain.asked:
            driving.join(0.05)
        pending.refresh_from_db()
        assert pending.lease is not None
        assert launch.cancel(pending)
    finally:
        brain.closing.set()
        driving.join(20)
    assert not driving.is_alive()
    ended = Execution.objects.get()
    assert ended.lease is None
    assert ended.status == Status.CANCELLED
    assert list(invariants.broken()) == []
