"""What went wrong is mended on the pages: said plainly first, then done, and written into the trail."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agents.models import Agent, AgentStatus
from config.lib import clock
from crm.models import Role, Workspace
from executions.models import (
    AgentGate,
    Alert,
    AlertKind,
    AuditEntry,
    Execution,
    Reason,
    Status,
    Step,
    StepState,
)
from tests.conftest import MakeMember
from tests.executions.pages.conftest import MakeWorld, World
from triggers.models import Event, EventState, Trigger, TriggerStatus


@pytest.fixture
def doubtful(world: World) -> Execution:
    Agent.objects.update(steps=[{"action": "send_email"}, {"action": "notify"}])
    execution = world.execution
    execution.steps.update(
        kind="send_email",
        effect="outside",
        state=StepState.UNKNOWN,
        request={"to": "a@example.org"},
    )
    Execution.objects.filter(pk=execution.pk).update(
        status=Status.INTERRUPTED, finished_at=None, error_message="Its worker died.", attempt=1
    )
    execution.refresh_from_db()
    return execution


def test_a_run_in_doubt_says_what_and_why_and_offers_three_ways(
    doubtful: Execution, visitor: Client
) -> None:
    html = visitor.get(f"/executions/{doubtful.pk}/").content.decode()
    for said in ("Step 1, Send e-mail, is in doubt", "Its worker died.", "a@example.org", "Notify"):
        assert said in html
    for value in ("retry", "mark_done", "cancel"):
        assert f'name="decision" value="{value}"' in html
    for page in ("/", "/executions/"):
        assert "1 run waits for your decision" in " ".join(
            visitor.get(page).content.decode().replace("<strong>", "").split()
        )


@pytest.mark.parametrize(
    ("decision", "status", "step"),
    [
        ("retry", Status.QUEUED, StepState.PROPOSED),
        ("mark_done", Status.QUEUED, StepState.DONE),
        ("cancel", Status.CANCELLED, StepState.UNKNOWN),
        ("perhaps", Status.INTERRUPTED, StepState.UNKNOWN),
    ],
)
def test_a_decision(
    decision: str, status: Status, step: StepState, doubtful: Execution, visitor: Client
) -> None:
    url = f"/executions/{doubtful.pk}/resolve/"
    assert visitor.post(url, {"decision": decision}).status_code == 302
    doubtful.refresh_from_db()
    assert (doubtful.status, doubtful.steps.get().state) == (status, step)
    audited = AuditEntry.objects.filter(verb="resolve").count()
    assert audited == (status != Status.INTERRUPTED)


def test_many_are_replayed_after_a_look(world: World, visitor: Client) -> None:
    Execution.objects.update(status=Status.FAILED)
    Step.objects.update(effect="outside", kind="send_email")
    listed = visitor.get("/executions/?status=failed").content.decode()
    assert "/executions/replay/?status=failed" in listed
    html = visitor.get("/executions/replay/?status=failed").content.decode()
    assert "Replay 1 run?" in " ".join(html.split())
    assert "Send e-mail 1 time" in html
    assert Execution.objects.count() == 1
    assert visitor.post("/executions/replay/", {"status": "failed"}).status_code == 302
    assert Execution.objects.filter(replay_no=1).count() == 1
    entry = AuditEntry.objects.get(verb="replay")
    assert entry.after is not None
    assert (entry.after["filter"], entry.after["count"]) == ({"status": "failed"}, 1)
    assert visitor.post("/executions/replay/", {}).status_code == 302
    assert Execution.objects.count() == 2


def test_dead_events_are_shown_and_live_again(world: World, visitor: Client) -> None:
    dead = Event.objects.filter(pk=world.event.pk)
    dead.update(state=EventState.DEAD, error="ValueError: no", attempts=5)
    assert "1 event could not be answered" in visitor.get("/").content.decode()
    assert "ValueError: no" in visitor.get("/events/?state=dead").content.decode()
    assert "1 dead event will" in visitor.get("/events/replay/?state=dead").content.decode()
    visitor.post("/events/replay/", {"state": "dead"})
    assert dead.get().state == EventState.NEW
    assert AuditEntry.objects.get(verb="replay").target_type == "workspace"


def test_one_event_is_replayed_at_all_its_triggers(world: World, visitor: Client) -> None:
    url = f"/events/{world.event.pk}/replay/"
    assert world.agent.name in visitor.get(url).content.decode()
    visitor.post(url)
    assert Execution.objects.filter(event=world.event, replay_no=1).count() == 1
    assert AuditEntry.objects.get(verb="replay").target_id == str(world.event.pk)


def test_a_full_day_is_resumed_and_replayed_with_one_click(world: World, visitor: Client) -> None:
    now = clock.now()
    Trigger.objects.update(conditions={})
    Agent.objects.update(status=AgentStatus.PAUSED)
    AgentGate.objects.create(agent=world.agent, pause_reason=Reason.DAILY_LIMIT, paused_at=now)
    Execution.objects.update(status=Status.SKIPPED, reason=Reason.DAILY_LIMIT, finished_at=now)
    page = visitor.get(f"/agents/{world.agent.pk}/").content.decode()
    assert "Resume and replay the 1 skipped" in page
    visitor.post(f"/agents/{world.agent.pk}/resume/")
    assert Agent.objects.get().status == AgentStatus.LIVE
    assert Execution.objects.filter(replay_no=1, status=Status.QUEUED).count() == 1
    assert AuditEntry.objects.get(verb="activate").after


@pytest.mark.parametrize(("body", "replayed"), [({}, 0), ({"replay": "on"}, 1)])
def test_a_trigger_in_error_is_resumed_where_it_is_read(
    body: dict[str, str], replayed: int, world: World, visitor: Client
) -> None:
    trigger = stopped(world)
    page = f"/agents/{trigger.agent_id}/"
    html = visitor.get(page).content.decode()
    assert "It starts nothing until somebody resumes it" in html
    assert "Resume and replay the 1 skipped" in html
    visitor.post(f"/triggers/{trigger.pk}/resume/", body)
    trigger.refresh_from_db()
    assert trigger.status == TriggerStatus.ACTIVE
    assert Execution.objects.filter(replay_no=1).count() == replayed
    entry = AuditEntry.objects.get(verb="enable")
    assert entry.after is not None
    assert ("replayed" in entry.after) == bool(replayed)
    assert "Resume and replay" not in visitor.get(page).content.decode()


def test_what_an_earlier_stop_skipped_is_left_alone(world: World, visitor: Client) -> None:
    trigger = stopped(world)
    Alert.objects.update(created_at=clock.now() + dt.timedelta(minutes=1))
    html = visitor.get(f"/agents/{trigger.agent_id}/").content.decode()
    assert "Resume</button>" in html
    assert "Resume and replay" not in html


def stopped(world: World) -> Trigger:
    """The world's trigger in error, after one event."""
    trigger = world.execution.trigger
    assert trigger is not None
    Trigger.objects.filter(pk=trigger.pk).update(
        status=TriggerStatus.ERROR, last_error="5 runs failed in a row."
    )
    Alert.objects.create(
        workspace=trigger.workspace, kind=AlertKind.TRIGGER_ERROR, trigger=trigger,
        agent=trigger.agent, message="It was stopped.", dedupe_key="stop",
    )  # fmt: skip
    Execution.objects.filter(pk=world.execution.pk).update(
        status=Status.SKIPPED, reason=Reason.TRIGGER_ERROR, finished_at=clock.now()
    )
    return trigger


def test_a_failed_run_shows_what_it_was_made_of(world: World, visitor: Client) -> None:
    kept = {
        "event": {"payload": {"plan": "the event of then"}},
        "agent": {"version": 3, "steps": [{"action": "notify", "params": {"message": "of then"}}]},
        "trigger": {"version": 2, "config": {"event_type": "of_then"}},
    }
    Execution.objects.update(
        status=Status.FAILED, at_failure=kept, error={"type": "X", "stack": "in explode <b>"}
    )
    html = visitor.get(f"/executions/{world.execution.pk}/").content.decode()
    for said in ("the event of then", "version 3", "of_then", "in explode &lt;b&gt;"):
        assert said in html


def test_viewers_and_strangers_mend_nothing(
    doubtful: Execution, world: World, member: MakeMember, other: Workspace, make_world: MakeWorld
) -> None:
    def client(user: User) -> Client:
        made = Client(headers={"accept": "text/html"})
        made.force_login(user)
        return made

    viewer = client(member("vic", role=Role.VIEWER))
    stranger = client(member("zoe", role=Role.OWNER, workspace=other))
    assert 'name="decision"' not in viewer.get(f"/executions/{doubtful.pk}/").content.decode()
    for path in (
        f"/executions/{doubtful.pk}/resolve/",
        f"/events/{world.event.pk}/replay/",
        f"/agents/{world.agent.pk}/resume/",
        f"/triggers/{world.execution.trigger_id}/resume/",
    ):
        assert viewer.post(path, {"decision": "retry"}).status_code == 403
        assert stranger.post(path, {"decision": "retry"}).status_code == 404
    assert viewer.get("/executions/replay/?status=failed").status_code == 403
    doubtful.refresh_from_db()
    assert doubtful.status == Status.INTERRUPTED
    stranger.post("/executions/replay/", {"status": "interrupted"})
    assert Execution.objects.count() == 1
