"""Deciding and replaying over REST: said first, audited once, and nobody else's."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

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
from tests.conftest import MakeClient
from tests.executions.views.conftest import MakeExecution
from triggers.models import Event, EventState, Trigger, TriggerStatus

RUNS, EVENTS = "/api/v1/executions", "/api/v1/triggers/events"


@pytest.fixture
def interrupted(make_execution: MakeExecution) -> Execution:
    execution = make_execution(status=Status.INTERRUPTED, attempt=1)
    Step.objects.create(
        execution=execution, number=1, kind="notify", effect="outside", idempotency_key="k",
        state=StepState.UNKNOWN, started_at=clock.now(),
    )  # fmt: skip
    return execution


@pytest.mark.parametrize(
    ("body", "status", "step"),
    [
        ({"action": "retry"}, Status.QUEUED, StepState.PROPOSED),
        ({"action": "mark_done"}, Status.QUEUED, StepState.DONE),
        ({"decision": "mark_done", "output": {"id": 7}}, Status.QUEUED, StepState.DONE),
        ({"action": "cancel"}, Status.CANCELLED, StepState.UNKNOWN),
    ],
)
def test_a_decision(
    body: dict[str, Any], status: Status, step: StepState, api: APIClient, interrupted: Execution
) -> None:
    answer = api.post(f"{RUNS}/{interrupted.pk}/resolve", body, format="json")
    assert (answer.status_code, answer.data["status"]) == (200, status)
    stored = interrupted.steps.get()
    assert (stored.state, stored.response) == (step, body.get("output"))
    entry = AuditEntry.objects.get(verb="resolve")
    assert entry.after == {"decision": body.get("action") or body["decision"]}
    again = api.post(f"{RUNS}/{interrupted.pk}/resolve", body, format="json")
    assert (again.status_code, again.data["error_code"]) == (409, "cannot_resolve")


@pytest.mark.parametrize("body", [{}, {"action": "yes"}, [], {"action": None}])
def test_a_decision_must_be_one(body: Any, api: APIClient, interrupted: Execution) -> None:
    answer = api.post(f"{RUNS}/{interrupted.pk}/resolve", body, format="json")
    assert answer.status_code == 400
    interrupted.refresh_from_db()
    assert interrupted.status == Status.INTERRUPTED


def test_a_replay_of_many_is_said_then_made_and_audited_once(
    api: APIClient, make_execution: MakeExecution
) -> None:
    failed = make_execution(status=Status.FAILED)
    Step.objects.create(
        execution=failed, number=1, kind="send_email", effect="outside", idempotency_key="k",
        state=StepState.DONE, started_at=clock.now(),
    )  # fmt: skip
    body: dict[str, Any] = {"filter": {"status": ["failed"]}, "dry_run": True}
    said = api.post(f"{RUNS}/replay", body, format="json")
    assert said.status_code == 200
    assert said.data == {
        "dry_run": True, "matched": 1, "count": 1, "left_out": {}, "repeats": {"send_email": 1},
        "remaining": 0,
    }  # fmt: skip
    assert Execution.objects.count() == 1
    made = api.post(f"{RUNS}/replay", {**body, "dry_run": False}, format="json")
    assert (made.status_code, made.data["queued"]) == (202, 1)
    (pk,) = made.data["execution_ids"]
    assert Execution.objects.get(pk=pk).replay_of == failed.pk
    entry = AuditEntry.objects.get(verb="replay")
    assert entry.after is not None
    assert entry.after["filter"] == {"status": "failed"}
    assert entry.after["count"] == 1


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "filter"),
        ({"filter": {}}, "filter"),
        ({"filter": {"statsu": "failed"}}, "statsu"),
        ({"filter": {"status": "nonsense"}}, "status"),
        ({"filter": "failed"}, "filter"),
        ({"filter": {"status": "failed"}, "limit": 1001}, "limit"),
        ({"filter": {"status": "failed"}, "dry_run": "perhaps"}, "dry_run"),
        ({"ids": ["x"]}, "ids"),
    ],
)
def test_a_filter_that_is_not_understood_runs_nothing(
    body: dict[str, Any], path: str, api: APIClient, make_execution: MakeExecution
) -> None:
    make_execution(status=Status.FAILED)
    answer = api.post(f"{RUNS}/replay", body, format="json")
    assert answer.status_code == 400
    assert path in answer.data["details"]
    assert Execution.objects.count() == 1


def test_dead_events_are_listed_and_live_again(api: APIClient, event: Event) -> None:
    Event.objects.update(state=EventState.DEAD, error="ValueError: no")
    (listed,) = api.get(EVENTS, {"status": "dead"}).data["results"]
    assert (listed["id"], listed["error"]) == (str(event.pk), "ValueError: no")
    body: dict[str, Any] = {"filter": {"status": "dead"}}
    said = api.post(f"{EVENTS}/replay", {**body, "dry_run": True}, format="json")
    assert (said.status_code, said.data["count"]) == (200, 1)
    made = api.post(f"{EVENTS}/replay", body, format="json")
    assert (made.status_code, made.data["revived"]) == (202, 1)
    event.refresh_from_db()
    assert event.state == EventState.NEW
    (after,) = AuditEntry.objects.filter(verb="replay").values_list("after", flat=True)
    assert after is not None
    assert after["filter"] == {"status": "dead"}


def test_one_event_at_all_its_triggers(
    api: APIClient, event: Event, make_execution: MakeExecution
) -> None:
    answer = api.post(f"{EVENTS}/{event.pk}/replay")
    assert (answer.status_code, answer.data["error_code"]) == (409, "cannot_replay")
    make_execution()
    Event.objects.update(state=EventState.MATCHED)
    answer = api.post(f"{EVENTS}/{event.pk}/replay")
    assert (answer.status_code, answer.data["queued"]) == (202, 1)
    assert AuditEntry.objects.get(verb="replay").target_id == str(event.pk)


def test_resuming_with_what_was_skipped(
    api: APIClient, agent: Agent, make_execution: MakeExecution
) -> None:
    now = clock.now()
    Agent.objects.update(status=AgentStatus.PAUSED)
    AgentGate.objects.create(agent=agent, pause_reason=Reason.DAILY_LIMIT, paused_at=now)
    make_execution(status=Status.SKIPPED, reason=Reason.DAILY_LIMIT, finished_at=now)
    url = f"/api/v1/agents/{agent.pk}/activate"
    answer = api.post(url, {"replay_skipped": True}, format="json")
    assert (answer.status_code, answer.data["status"]) == (200, AgentStatus.LIVE)
    assert answer.data["replayed"]["queued"] == 1
    entry = AuditEntry.objects.get(verb="activate")
    assert entry.after is not None
    assert entry.after["replayed"]["count"] == 1
    assert api.post(url, {"replay_skipped": "perhaps"}, format="json").status_code == 400


@pytest.mark.parametrize("what", ["resolve", "replay"])
def test_strangers_and_readers_decide_nothing(
    what: str,
    interrupted: Execution,
    owner: User,
    client_of: MakeClient,
    foreign_api: APIClient,
) -> None:
    reader = client_of(owner, scopes=["read", "write"])
    for url in (f"{RUNS}/{interrupted.pk}/{what}", f"{RUNS}/replay", f"{EVENTS}/replay"):
        assert reader.post(url, {"action": "retry"}, format="json").status_code == 403
    assert (
        foreign_api.post(
            f"{RUNS}/{interrupted.pk}/{what}", {"action": "retry"}, format="json"
        ).status_code
        == 404
    )
    body = {"filter": {"status": "interrupted,completed"}}
    assert foreign_api.post(f"{RUNS}/replay", body, format="json").data["count"] == 0
    assert Execution.objects.count() == 1


@pytest.mark.parametrize("verb", ["resume", "enable"])
def test_resuming_a_trigger_with_what_it_skipped(
    verb: str, api: APIClient, agent: Agent, make_execution: MakeExecution
) -> None:
    skipped = make_execution(
        status=Status.SKIPPED, reason=Reason.TRIGGER_ERROR, finished_at=clock.now()
    )
    trigger = skipped.trigger
    assert trigger is not None
    Trigger.objects.filter(pk=trigger.pk).update(status=TriggerStatus.ERROR, last_error="No.")
    Alert.objects.create(
        workspace=agent.workspace, kind=AlertKind.TRIGGER_ERROR, trigger=trigger, agent=agent,
        message="It was stopped.", dedupe_key="stop",
    )  # fmt: skip
    url = f"/api/v1/triggers/{trigger.pk}/{verb}"
    assert api.post(url, {"replay_skipped": "perhaps"}, format="json").status_code == 400
    answer = api.post(url, {"replay_skipped": True}, format="json")
    assert (answer.status_code, answer.data["status"]) == (200, TriggerStatus.ACTIVE)
    assert answer.data["replayed"]["queued"] == 1
    entry = AuditEntry.objects.get(verb="enable")
    assert (entry.after or {})["replayed"]["count"] == 1
    again = api.post(url, {"replay_skipped": True}, format="json")
    assert again.data["replayed"]["count"] == 0
