"""An agent's day, and the share of it that public senders have: neither spam nor a test pauses an agent."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable

import pytest
from django.db import connection

from agents.models import Agent, AgentStatus
from config.lib import actors, clock
from crm import submissions
from crm.models import Contact, Workspace
from executions import dispatcher, full_days, launch, queue, replay, sweep, waiting
from executions.models import AgentGate, AgentStart, Alert, Execution, Reason, Status
from executions.pages import words
from tests.stories import MakeAgent, MakeTrigger
from triggers import events
from triggers.models import Event, Trigger

pytestmark = pytest.mark.django_db(transaction=True)
NOTIFY = {"action": "notify", "params": {"message": "Hi"}}
OPEN = {"max_executions_per_minute": None, "max_concurrent": None}
Happen = Callable[..., None]


@pytest.fixture
def listening(make_agent: MakeAgent, make_trigger: MakeTrigger) -> Callable[[int], Trigger]:
    def make(per_day: int) -> Trigger:
        agent = make_agent("A", NOTIFY, restrictions={**OPEN, "max_executions_per_day": per_day})
        return make_trigger(agent, "sale", max_executions_per_hour=None)

    return make


@pytest.fixture
def happen(acme: Workspace) -> Happen:
    """`happen("signed", 3)` or `"unsigned"`: so many events, dispatched."""

    def make(kind: str, count: int = 1) -> None:
        for _ in range(count):
            events.emit("sale", workspace_id=acme.pk, payload={}, verified=kind == "signed")
        dispatcher.dispatch()

    return make


def claim(places: int = 100) -> int:
    """What starts ends at once; answers how many started."""
    started = queue.claim(lease=uuid.uuid4(), worker="test", places=places)
    Execution.objects.filter(pk__in=started).update(
        status="completed", lease=None, finished_at=clock.now()
    )
    AgentGate.objects.exclude(next_eligible_at=None).update(next_eligible_at=clock.now())
    return len(started)


def came_of(*, is_unsigned: bool) -> dict[str, int]:
    rows = Execution.objects.filter(is_unsigned=is_unsigned).values_list("status", "reason")
    found: dict[str, int] = {}
    for status, reason in rows:
        name = f"{status}:{reason}" if reason else status
        found[name] = found.get(name, 0) + 1
    return found


def status_of_agent() -> str:
    return Agent.objects.get(name="A").status


def test_spam_uses_up_its_share_and_no_more(
    listening: Callable[[int], Trigger], happen: Happen
) -> None:
    listening(10)
    happen("unsigned", 20)
    assert claim() == 5
    assert came_of(is_unsigned=True) == {"completed": 5, "skipped:daily_limit": 15}
    assert status_of_agent() == AgentStatus.LIVE
    happen("signed", 5)
    assert claim() == 5
    assert came_of(is_unsigned=False) == {"completed": 5}
    assert AgentStart.objects.filter(is_unsigned=True).count() == 5
    assert Alert.objects.count() == 1
    assert "used up their share of A's day (5 of 10 runs)" in Alert.objects.get().message


def test_spam_in_front_holds_up_nobody(
    listening: Callable[[int], Trigger], happen: Happen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More spam than a claim reads or skips at once stands before the sale."""
    monkeypatch.setattr(full_days, "SKIPPED_AT_ONCE", 8)
    listening(10)
    happen("unsigned", 60)
    happen("signed")
    for _ in range(20):
        claim(places=2)
    assert came_of(is_unsigned=True) == {"completed": 5, "skipped:daily_limit": 55}
    assert came_of(is_unsigned=False) == {"completed": 1}
    assert AgentGate.objects.get().next_eligible_at is None
    assert Alert.objects.count() == 1


def test_spam_pauses_nobody_on_a_full_day(
    listening: Callable[[int], Trigger], happen: Happen
) -> None:
    listening(4)
    happen("unsigned", 2)
    happen("signed", 2)
    assert claim() == 4
    happen("unsigned", 3)
    assert claim() == 0
    assert came_of(is_unsigned=True) == {"completed": 2, "skipped:daily_limit": 3}
    assert status_of_agent() == AgentStatus.LIVE
    happen("signed")
    assert claim() == 0
    assert came_of(is_unsigned=False) == {"completed": 2, "skipped:daily_limit": 1}
    assert status_of_agent() == AgentStatus.PAUSED
    assert AgentGate.objects.get().pause_reason == Reason.DAILY_LIMIT


def test_the_last_place_taken_beside_spam_pauses_nobody(
    listening: Callable[[int], Trigger], happen: Happen
) -> None:
    listening(2)
    happen("signed", 2)
    happen("unsigned", 1)
    assert claim() == 2
    assert status_of_agent() == AgentStatus.LIVE
    assert came_of(is_unsigned=True) == {"skipped:daily_limit": 1}


def test_a_test_on_a_full_day_pauses_nobody(
    listening: Callable[[int], Trigger], happen: Happen
) -> None:
    trigger = listening(1)
    happen("signed")
    assert claim() == 1
    run = launch.run_now(trigger.agent, inputs={}, actor="user:1", is_test=True, trigger=trigger)
    assert not run.is_unsigned
    assert claim() == 0
    run.refresh_from_db()
    assert (run.status, run.reason) == (Status.SKIPPED, Reason.DAILY_LIMIT)
    assert status_of_agent() == AgentStatus.LIVE


def test_the_share_is_exact_with_many_claimers(
    listening: Callable[[int], Trigger], happen: Happen
) -> None:
    listening(40)
    for kind in ("unsigned", "signed") * 15:
        happen(kind, 2)

    def run() -> None:
        for _ in range(12):
            claim(3)
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for _ in range(30):
        claim(3)
    assert came_of(is_unsigned=True) == {"completed": 20, "skipped:daily_limit": 10}
    assert came_of(is_unsigned=False) == {"completed": 20, "skipped:daily_limit": 10}
    assert AgentStart.objects.filter(is_unsigned=True).count() == 20


def test_who_resumes_and_replays_vouches_for_it(
    listening: Callable[[int], Trigger], happen: Happen
) -> None:
    listening(10)
    happen("unsigned", 6)
    claim()
    (skipped,) = Execution.objects.filter(status=Status.SKIPPED)
    again = replay.replay(skipped)
    assert not again.is_unsigned
    assert claim() == 1


def test_the_page_says_which_limit_it_was(
    listening: Callable[[int], Trigger], happen: Happen
) -> None:
    listening(2)
    happen("unsigned", 1)
    claim()
    happen("unsigned", 1)
    (waits,) = Execution.objects.filter(status=Status.QUEUED)
    assert "1 of its 2 runs. It will be skipped." in waiting.why(waits)
    claim()
    waits.refresh_from_db()
    said = words.in_short(waits)
    assert "such as public forms, had used up their share of the agent's day: 1 of its 2" in said
    assert "replay" in said.lower()


def test_what_a_form_leads_to_is_nobodys_word(
    acme: Workspace,
    make_agent: MakeAgent,
    make_trigger: MakeTrigger,
    run_everything_due: Callable[[], None],
) -> None:
    """The contact that it makes, and what an agent then does with that: all of it takes from the share."""
    update = {"action": "update_contact", "params": {"title": "New"}}
    make_trigger(make_agent("Title", update), "contact_created")
    make_trigger(make_agent("Greeter", NOTIFY), "contact_updated")
    submissions.submit(None, {"email": "ann@example.org"}, workspace=acme)
    Contact.objects.create(workspace=acme, email="bob@example.org")
    run_everything_due()
    ran = Execution.objects.values_list("agent_name", "is_unsigned", "status")
    assert sorted(ran) == [
        ("Greeter", False, "completed"),
        ("Greeter", True, "completed"),
        ("Title", False, "completed"),
        ("Title", True, "completed"),
    ]
    of_form = Event.objects.filter(verified=False).values_list("type", flat=True)
    assert sorted(of_form) == ["contact_created", "contact_updated", "form_submitted"]
    assert not actors.is_stranger()


def test_paused_by_its_day_skips_both_kinds(
    listening: Callable[[int], Trigger], happen: Happen
) -> None:
    listening(2)
    happen("signed", 3)
    happen("unsigned", 1)
    claim()
    sweep.sweep()
    assert status_of_agent() == AgentStatus.PAUSED
    assert came_of(is_unsigned=True) == {"skipped:daily_limit": 1}
