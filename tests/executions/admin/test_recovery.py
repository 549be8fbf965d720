"""Recovery at the admin: decisions, replays that say first what they do, and a full day resumed."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from agents.models import Agent, AgentStatus
from config.lib import clock
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
from tests.executions.admin.conftest import Things
from triggers.models import Event, EventState, Trigger, TriggerStatus

CHOOSE = {"select_across": "0", "index": "0"}


@pytest.fixture
def execution(things: Things) -> Execution:
    found = things[Execution]
    assert isinstance(found, Execution)
    Step.objects.update(kind="send_email", effect="outside", state=StepState.UNKNOWN)
    Agent.objects.update(status=AgentStatus.LIVE)
    Trigger.objects.update(conditions={})
    Execution.objects.filter(pk=found.pk).update(status=Status.INTERRUPTED, finished_at=None)
    return found


@pytest.mark.parametrize(
    ("decision", "status", "step"),
    [
        ("retry", Status.QUEUED, StepState.PROPOSED),
        ("mark_done", Status.QUEUED, StepState.DONE),
        ("cancel", Status.CANCELLED, StepState.UNKNOWN),
    ],
)
def test_a_decision(
    decision: str, status: Status, step: StepState, execution: Execution, ann: Client
) -> None:
    page = reverse("admin:executions_execution_change", args=[execution.pk])
    html = ann.get(page).content.decode()
    assert "is in doubt" in html
    assert f"resolve_{decision}" in html
    listed = ann.get(reverse("admin:executions_execution_changelist")).content.decode()
    assert "1 run waits for a decision" in listed
    ann.post(reverse(f"admin:executions_execution_resolve_{decision}", args=[execution.pk]))
    execution.refresh_from_db()
    assert (execution.status, execution.steps.get().state) == (status, step)
    assert AuditEntry.objects.get(verb="resolve").after == {"decision": decision}


def test_the_selected_are_replayed_after_a_page_that_says_what_it_repeats(
    execution: Execution, ann: Client
) -> None:
    Execution.objects.update(status=Status.FAILED)
    url = reverse("admin:executions_execution_changelist")
    chosen = {**CHOOSE, "action": "replay_selected", "_selected_action": [str(execution.pk)]}
    html = ann.post(url, chosen).content.decode()
    assert "1 run is made" in html
    assert "Send e-mail, 1 time." in html
    assert Execution.objects.count() == 1
    ann.post(url, {**chosen, "confirmed": "yes"})
    assert Execution.objects.filter(replay_no=1, status=Status.QUEUED).count() == 1
    entry = AuditEntry.objects.get(verb="replay")
    assert entry.after is not None
    assert (entry.after["ids"], entry.after["count"]) == ([str(execution.pk)], 1)


def test_dead_events_are_shown_and_replayed(things: Things, ann: Client) -> None:
    event = Event.objects.filter(pk=things[Event].pk)
    event.update(state=EventState.DEAD, error="ValueError: no")
    url = reverse("admin:triggers_event_changelist")
    assert "1 event could not be answered" in ann.get(url).content.decode()
    one = reverse("admin:triggers_event_replay", args=[things[Event].pk])
    assert "1 dead event is handed" in ann.get(one).content.decode()
    ann.post(one, {"sure": "on"})
    assert event.get().state == EventState.NEW
    event.update(state=EventState.DEAD)
    chosen = {**CHOOSE, "action": "replay_selected", "_selected_action": [str(things[Event].pk)]}
    ann.post(url, {**chosen, "confirmed": "yes"})
    assert event.get().state == EventState.NEW
    assert AuditEntry.objects.filter(verb="replay").count() == 2


def test_a_full_day_is_resumed_with_what_was_skipped(execution: Execution, ann: Client) -> None:
    now = clock.now()
    agent = Agent.objects.get()
    Agent.objects.update(status=AgentStatus.PAUSED)
    AgentGate.objects.create(agent=agent, pause_reason=Reason.DAILY_LIMIT, paused_at=now)
    Execution.objects.update(status=Status.SKIPPED, reason=Reason.DAILY_LIMIT, finished_at=now)
    page = reverse("admin:agents_agent_change", args=[agent.pk])
    assert "Resume and replay what was skipped" in ann.get(page).content.decode()
    ann.post(reverse("admin:agents_agent_resume", args=[agent.pk]))
    agent.refresh_from_db()
    assert agent.status == AgentStatus.LIVE
    assert Execution.objects.filter(replay_no=1, status=Status.QUEUED).count() == 1
    entry = AuditEntry.objects.get(verb="resume")
    assert entry.after is not None
    assert entry.after["replayed"]["count"] == 1


def test_a_failed_run_shows_what_it_was_made_of(execution: Execution, ann: Client) -> None:
    kept = {"event": {"payload": {"a": "of then"}}, "agent": {"version": 3}, "trigger": None}
    Execution.objects.update(
        status=Status.FAILED, at_failure=kept, error={"type": "X", "stack": "in explode"}
    )
    page = reverse("admin:executions_execution_change", args=[execution.pk])
    html = ann.get(page).content.decode()
    for said in ("of then", "version 3", "in explode"):
        assert said in html


def test_viewers_decide_nothing(execution: Execution, viewer: Client) -> None:
    url = reverse("admin:executions_execution_resolve_retry", args=[execution.pk])
    assert viewer.post(url).status_code == 403
    chosen = {**CHOOSE, "action": "replay_selected", "_selected_action": [str(execution.pk)]}
    viewer.post(reverse("admin:executions_execution_changelist"), {**chosen, "confirmed": "yes"})
    execution.refresh_from_db()
    assert (execution.status, Execution.objects.count()) == (Status.INTERRUPTED, 1)


def test_all_that_a_filter_finds_is_replayed_after_a_page_that_says_so(
    execution: Execution, ann: Client
) -> None:
    Execution.objects.update(status=Status.FAILED)
    listed = reverse("admin:executions_execution_changelist")
    assert "Replay all that this filter finds" not in ann.get(listed).content.decode()
    html = ann.get(f"{listed}?status__exact=failed").content.decode()
    assert 'href="replay-found/?status__exact=failed"' in html
    url = reverse("admin:executions_execution_replay_found") + "?status__exact=failed"
    html = ann.get(url).content.decode()
    assert "for all 1 that the filter finds" in html
    assert "Send e-mail, 1 time." in html
    assert not Execution.objects.filter(replay_no=1).exists()
    ann.post(url, {"newest": str(execution.pk), "confirmed": "yes"})
    assert Execution.objects.filter(replay_no=1).count() == 1
    entry = AuditEntry.objects.get(verb="replay")
    assert (entry.after or {})["filter"] == {"status__exact": "failed"}
    assert "1 left out: replayed already" in ann.get(url).content.decode()


@pytest.mark.parametrize("query", ["", "?o=1", "?status__exact=timed_out"])
def test_a_filter_that_finds_everything_or_nothing_replays_nothing(
    query: str, execution: Execution, ann: Client
) -> None:
    url = reverse("admin:executions_execution_replay_found") + query
    assert ann.post(url, {"newest": "nonsense"}).status_code == 302
    assert not Execution.objects.filter(replay_no=1).exists()


def test_dead_events_that_a_filter_finds_live_again(things: Things, ann: Client) -> None:
    Event.objects.update(state=EventState.DEAD)
    url = reverse("admin:triggers_event_replay_found") + "?state__exact=dead"
    assert "handed to all triggers" in ann.get(url).content.decode()
    ann.post(url)
    assert not Event.objects.filter(state=EventState.DEAD).exists()


def test_viewers_replay_nothing_that_a_filter_finds(execution: Execution, viewer: Client) -> None:
    Execution.objects.update(status=Status.FAILED)
    listed = reverse("admin:executions_execution_changelist") + "?status__exact=failed"
    assert "Replay all" not in viewer.get(listed).content.decode()
    viewer.post(reverse("admin:executions_execution_replay_found") + "?status__exact=failed")
    assert not Execution.objects.filter(replay_no=1).exists()


def test_a_trigger_in_error_is_resumed_with_what_it_skipped(
    execution: Execution, ann: Client
) -> None:
    trigger = execution.trigger
    assert trigger is not None
    Trigger.objects.update(status=TriggerStatus.ERROR, last_error="5 runs failed in a row.")
    Alert.objects.create(
        workspace=trigger.workspace, kind=AlertKind.TRIGGER_ERROR, trigger=trigger,
        agent=trigger.agent, message="It was stopped.", dedupe_key="stop",
    )  # fmt: skip
    Execution.objects.update(
        status=Status.SKIPPED, reason=Reason.TRIGGER_ERROR, finished_at=clock.now()
    )
    page = reverse("admin:triggers_trigger_change", args=[trigger.pk])
    assert "Resume and replay what was skipped" in ann.get(page).content.decode()
    ann.post(reverse("admin:triggers_trigger_resume", args=[trigger.pk]))
    trigger.refresh_from_db()
    assert trigger.status == TriggerStatus.ACTIVE
    assert Execution.objects.filter(replay_no=1).count() == 1
    entry = AuditEntry.objects.get(verb="resume")
    assert (entry.after or {})["replayed"]["count"] == 1
