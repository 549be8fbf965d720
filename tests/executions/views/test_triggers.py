"""Triggers over REST."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from agents.models import Agent, AgentStatus
from config.lib import clock
from crm.models import Role, Workspace
from executions import dispatcher, queue, sweep
from executions.models import Alert, AuditEntry, Execution, Status, TriggerGate
from tests.conftest import MakeClient, MakeMember
from tests.executions.views.conftest import MakeTrigger
from triggers import event_types, events, sources
from triggers.models import Event, Schedule, Trigger, TriggerStatus

URL = "/api/v1/triggers"
EATEN = event_types.register(
    "tests_triggers.eaten",
    label="Eaten",
    schema={"type": "object", "properties": {"apples": {"type": "integer"}}},
    sample={"apples": 3},
).name
FIELDS = {
    *("id", "name", "description", "agent_id", "trigger_type", "config", "conditions"),
    *("input_mapping", "default_inputs", "enabled", "status", "last_error", "max_concurrent"),
    *("cooldown_seconds", "ignore_cooldown", "allow_reentry", "max_age_seconds"),
    "fail_open",
    *("max_executions_per_hour", "failure_threshold", "consecutive_failures"),
    *("last_execution_at", "next_run_time", "webhook_url", "total_executions"),
    *("successful_executions", "failed_executions", "created_at", "updated_at", "created_by"),
    *("pipeline_id", "task_parameters", "is_active"),
}


def body(agent: Agent, **more: Any) -> dict[str, Any]:
    return {
        "name": "New users",
        "agent_id": str(agent.pk),
        "trigger_type": "custom",
        "config": {"endpoint": "user_events"},
        **more,
    }


def names(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["name"] for row in answer.json()["results"]]


def test_creating_answers_the_whole_trigger(api: APIClient, agent: Agent) -> None:
    answer = api.post(
        URL, body(agent, conditions=[{"field": "data.age", "operator": "gt", "value": 18}])
    )
    assert answer.status_code == 201, answer.content
    created = answer.json()
    assert created.keys() >= FIELDS
    assert created["conditions"]["rules"][0]["operator"] == "greater_than"
    assert created["enabled"] is created["is_active"] is True
    assert created["total_executions"] == 0
    assert created["warnings"] == []
    assert api.get(f"{URL}/{created['id']}").json() == {
        key: value for key, value in created.items() if key != "warnings"
    }
    assert [entry.verb for entry in AuditEntry.objects.all()] == ["create"]


@pytest.mark.parametrize(
    "more, status, code, path",
    [
        ({"name": ""}, 400, "invalid_trigger", "name"),
        ({"agent_id": str(uuid.uuid4())}, 400, "invalid_trigger", "agent_id"),
        ({"trigger_type": "cronn"}, 400, "invalid_trigger", "trigger_type"),
        ({"config": {"endpoint": "No!"}}, 400, "invalid_config", "config.endpoint"),
        (
            {"conditions": [{"field": "a", "operator": "is?"}]},
            400,
            "invalid_conditions",
            "conditions[0].operator",
        ),
        ({"cooldown_seconds": "5"}, 400, "invalid_trigger", "cooldown_seconds"),
        ({"name": "Signed up"}, 409, "name_taken", "name"),
    ],
)
def test_bad_bodies_are_told_by_field(
    api: APIClient,
    agent: Agent,
    trigger: Trigger,
    more: dict[str, Any],
    status: int,
    code: str,
    path: str,
) -> None:
    answer = api.post(URL, body(agent, **more))
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)
    assert list(answer.json()["details"]) == [path]
    assert Trigger.objects.visible().count() == 1


def test_what_was_read_can_be_put_back(api: APIClient, trigger: Trigger) -> None:
    read = api.get(f"{URL}/{trigger.pk}")
    changed = {**read.json(), "enabled": False}
    answer = api.put(f"{URL}/{trigger.pk}", changed, headers={"If-Match": read["ETag"]})
    assert answer.status_code == 200, answer.content
    assert (answer.json()["status"], answer.json()["is_active"]) == ("paused", False)
    stale = api.put(f"{URL}/{trigger.pk}", changed, headers={"If-Match": read["ETag"]})
    assert stale.status_code == 412


def test_put_and_patch_take_parts(api: APIClient, trigger: Trigger) -> None:
    assert api.put(f"{URL}/{trigger.pk}", {"name": "Renamed"}).json()["name"] == "Renamed"
    assert api.patch(f"{URL}/{trigger.pk}", {"cooldown_seconds": 9}).json()["cooldown_seconds"] == 9
    trigger.refresh_from_db()
    assert (trigger.topic, trigger.version) == ("signed_up", 3)


def test_figures_make_no_write_stale(api: APIClient, trigger: Trigger) -> None:
    etag = api.get(f"{URL}/{trigger.pk}")["ETag"]
    TriggerGate.objects.create(trigger=trigger, total_executions=5)
    answer = api.get(f"{URL}/{trigger.pk}")
    assert (answer["ETag"], answer.json()["total_executions"]) == (etag, 5)


def test_deleting(api: APIClient, trigger: Trigger) -> None:
    assert api.delete(f"{URL}/{trigger.pk}").status_code == 204
    assert api.get(f"{URL}/{trigger.pk}").status_code == 404


def test_on_and_off(api: APIClient, trigger: Trigger) -> None:
    TriggerGate.objects.create(trigger=trigger, consecutive_failures=4)
    Trigger.objects.update(status=TriggerStatus.ERROR, last_error="broken")
    for verb, status in (
        ("resume", "active"),
        ("pause", "paused"),
        ("enable", "active"),
        ("disable", "paused"),
    ):
        answer = api.post(f"{URL}/{trigger.pk}/{verb}")
        assert (answer.status_code, answer.json()["status"]) == (200, status)
    told = api.get(f"{URL}/{trigger.pk}").json()
    assert (told["consecutive_failures"], told["last_error"]) == (0, "")
    assert AuditEntry.objects.count() == 4


def test_switching_on_by_put_forgets_the_failures(api: APIClient, trigger: Trigger) -> None:
    TriggerGate.objects.create(trigger=trigger, consecutive_failures=4)
    Trigger.objects.update(status=TriggerStatus.ERROR, last_error="broken")
    answer = api.put(f"{URL}/{trigger.pk}", {"enabled": True}).json()
    assert (answer["status"], answer["last_error"], answer["consecutive_failures"]) == (
        "active",
        "",
        0,
    )


def test_lists_are_narrowed(api: APIClient, agent: Agent, make_trigger: MakeTrigger) -> None:
    make_trigger("A custom one")
    make_trigger("An event one", trigger_type="event", config={"event_type": "x"}, enabled=False)
    both = ["A custom one", "An event one"]
    assert names(api.get(URL)) == both
    assert names(api.get(f"{URL}?enabled_only=true")) == both[:1]
    assert names(api.get(f"{URL}?status=paused")) == both[1:]
    assert names(api.get(f"{URL}?trigger_type=event")) == both[1:]
    assert names(api.get(f"{URL}/type/custom")) == both[:1]
    assert names(api.get(f"{URL}?agent_id={agent.pk}")) == both
    assert names(api.get(f"{URL}?pipeline_id={uuid.uuid4()}")) == []
    assert names(api.get(f"{URL}/agent/{agent.pk}?enabled_only=true")) == both[:1]
    assert names(api.get(f"{URL}/pipeline/{agent.pk}")) == both
    assert names(api.get(f"{URL}?search=custom")) == both[:1]
    assert names(api.get(f"{URL}?sort_by=name&sort_order=desc")) == both[::-1]


def test_the_built_in_one_is_shown_where_asked_for_and_kept(api: APIClient, agent: Agent) -> None:
    builtin = Trigger.objects.get(agent=agent, is_builtin=True)
    assert names(api.get(URL)) == names(api.get(f"{URL}?include_builtin=false")) == []
    assert names(api.get(f"{URL}?include_builtin=true")) == [builtin.name]
    address = f"{URL}/{builtin.pk}"
    for answer in (
        api.delete(address),
        api.patch(address, {"name": "Mine"}),
        api.post(f"{address}/disable"),
    ):
        assert (answer.status_code, answer.json()["error_code"]) == (409, "builtin_trigger")
    assert Trigger.objects.get(pk=builtin.pk).status == TriggerStatus.ACTIVE


@pytest.mark.parametrize(
    "query",
    [
        "status=no",
        "agent_id=5",
        "enabled_only=perhaps",
        "page=0",
        "page_size=201",
        "sort_by=secret",
    ],
)
def test_bad_queries_are_told(api: APIClient, query: str) -> None:
    answer = api.get(f"{URL}?{query}")
    assert answer.status_code == 400
    assert list(answer.json()["details"]) == [query.split("=", maxsplit=1)[0]]


def test_a_list_takes_the_same_queries_however_long(
    api: APIClient, make_trigger: MakeTrigger
) -> None:
    def count() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert api.get(URL).status_code == 200
        return len(queries)

    make_trigger("one")
    api.get(URL)
    few = count()
    for number in range(5):
        TriggerGate.objects.create(trigger=make_trigger(f"more {number}"))
    assert count() == few


def test_another_workspace_sees_nothing(
    foreign_api: APIClient, other: Workspace, trigger: Trigger, agent: Agent
) -> None:
    assert names(foreign_api.get(URL)) == []
    address = f"{URL}/{trigger.pk}"
    answers = [
        *(foreign_api.get(f"{URL}/{word}/{agent.pk}") for word in ("agent", "pipeline")),
        *(foreign_api.get(address + end) for end in ("", "/status", "/executions", "/events")),
        *(foreign_api.post(address + end) for end in ("/test", "/dry-run", "/enable", "/disable")),
        foreign_api.put(address, {"name": "Stolen"}),
        foreign_api.patch(address, {"name": "Stolen"}),
        foreign_api.delete(address),
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert foreign_api.post(URL, body(agent)).status_code == 400
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    "path", ["", "/status", "/agent/x", "/00000000-0000-0000-0000-00000000000z"]
)
def test_nobody_gets_in_without_a_token(path: str, db: None) -> None:
    assert APIClient().get(URL + path).status_code in {401, 404}


def test_scopes(
    client_of: MakeClient, owner: Any, member: MakeMember, trigger: Trigger, agent: Agent
) -> None:
    reader = client_of(owner, scopes=["read"])
    address = f"{URL}/{trigger.pk}"
    assert reader.get(URL).status_code == 200
    assert reader.post(f"{address}/dry-run", {}).status_code == 200
    refused = [
        reader.post(URL, body(agent)),
        reader.patch(address, {}),
        reader.delete(address),
        reader.post(f"{address}/test", {}),
        reader.post(f"{address}/enable"),
        client_of(owner, scopes=["read", "write"]).post(f"{address}/test", {}),
        client_of(member("vic", role=Role.VIEWER)).patch(address, {}),
    ]
    assert {answer.status_code for answer in refused} == {403}


def test_a_test_runs_once_and_is_marked(api: APIClient, trigger: Trigger) -> None:
    answer = api.post(f"{URL}/{trigger.pk}/test", {"event": {"plan": "pro"}})
    assert answer.status_code == 202, answer.content
    execution = Execution.objects.get(pk=answer.json()["execution_id"])
    assert execution.is_test
    assert (execution.status, execution.trigger) == (Status.QUEUED, trigger)
    assert execution.event.payload == {"endpoint": "signed_up", "data": {"plan": "pro"}}
    assert AuditEntry.objects.get().verb == "test"


def test_a_test_makes_up_a_sample(api: APIClient, make_trigger: MakeTrigger) -> None:
    trigger = make_trigger("Filtered", config={"endpoint": "a", "filter": {"plan": "pro"}})
    answer = api.post(f"{URL}/{trigger.pk}/test")
    assert Execution.objects.get(pk=answer.json()["execution_id"]).status == Status.QUEUED


@pytest.mark.parametrize("event", [[], "x", 5])
def test_a_test_with_nonsense(api: APIClient, trigger: Trigger, event: Any) -> None:
    for verb in ("test", "dry-run"):
        answer = api.post(f"{URL}/{trigger.pk}/{verb}", {"event": event})
        assert answer.status_code == 400
        assert list(answer.json()["details"]) == ["event"]
    assert not Execution.objects.exists()


def test_a_test_with_a_payload_that_the_type_cannot_have(
    api: APIClient, make_trigger: MakeTrigger
) -> None:
    trigger = make_trigger(trigger_type="event", config={"event_type": EATEN})
    answer = api.post(f"{URL}/{trigger.pk}/test", {"event": {"apples": "many"}})
    assert (answer.status_code, list(answer.json()["details"])) == (400, ["event.apples"])
    assert not Event.objects.exists()


def test_a_dry_run_judges_and_writes_nothing(api: APIClient, make_trigger: MakeTrigger) -> None:
    trigger = make_trigger(
        conditions=[{"field": "data.age", "operator": "gt", "value": 17}],
        input_mapping={"years": "$.data.age"},
    )
    young = api.post(f"{URL}/{trigger.pk}/dry-run", {"event": {"age": 3}}).json()
    assert (young["would_run"], young["reason"]) == (False, "condition_false")
    assert young["trace"][0]["actual"] == 3
    old = api.post(f"{URL}/{trigger.pk}/dry-run", {"event": {"age": 30}}).json()
    assert (old["would_run"], old["inputs"]["years"]) == (True, 30)
    assert not Event.objects.exists()
    assert not Execution.objects.exists()


def test_status_says_what_is_in_the_way(
    api: APIClient, acme: Workspace, agent: Agent, make_trigger: MakeTrigger, settings: Any
) -> None:
    trigger = make_trigger(cooldown_seconds=3600)
    state = api.get(f"{URL}/{trigger.pk}/status").json()
    assert state["is_ready"] is True
    assert state["next_run_time"] is None

    gate = TriggerGate.objects.create(trigger=trigger, total_executions=2)
    TriggerGate.objects.update(last_accepted_at=trigger.created_at)
    Trigger.objects.filter(pk=trigger.pk).update(status=TriggerStatus.ERROR, last_error="broken")
    Agent.objects.update(status=AgentStatus.PAUSED)
    Workspace.objects.update(paused=True)
    settings.TRIGGERS_ENABLED = False
    state = api.get(f"{URL}/{trigger.pk}/status").json()
    wrong = {check["check"] for check in state["diagnosis"] if not check["ok"]}
    assert wrong == {"service", "workspace", "status", "agent", "cooldown"}
    assert (state["in_cooldown"], state["is_ready"], state["total_executions"]) == (True, False, 2)

    Trigger.objects.filter(pk=trigger.pk).update(ignore_cooldown=True)
    assert api.get(f"{URL}/{trigger.pk}/status").json()["in_cooldown"] is False
    assert gate.trigger_id == trigger.pk


@pytest.mark.parametrize(
    "limits, fields, said",
    [
        ({"max_executions_per_minute": 1}, {}, "in the last minute as it may (1)"),
        ({"max_executions_per_day": 1}, {}, "as many runs today as it may"),
        ({"max_concurrent": 1}, {}, "of the agent as may be at work at once (1)"),
        ({}, {"max_executions_per_hour": 1}, "in the last hour as it may (1)"),
        ({}, {"max_concurrent": 1}, "of the trigger as may be at work at once (1)"),
    ],
    ids=["minute", "day", "agent", "hour", "trigger"],
)
def test_status_is_not_ready_while_a_limit_holds(
    limits: dict[str, int],
    fields: dict[str, int],
    said: str,
    api: APIClient,
    acme: Workspace,
    agent: Agent,
    make_trigger: MakeTrigger,
) -> None:
    Agent.objects.update(restrictions=limits)
    trigger = make_trigger(**fields)
    assert api.get(f"{URL}/{trigger.pk}/status").json()["is_ready"] is True
    events.emit(trigger.topic, workspace_id=acme.pk, payload={})
    dispatcher.dispatch()
    queue.claim(lease=uuid.uuid4(), worker="test", places=10)
    state = api.get(f"{URL}/{trigger.pk}/status").json()
    wrong = {check["check"]: check["message"] for check in state["diagnosis"] if not check["ok"]}
    assert wrong.keys() == {"limits"}
    assert said in wrong["limits"]
    assert state["is_ready"] is False


def test_status_of_a_schedule_that_cannot_be_read(
    api: APIClient, make_trigger: MakeTrigger
) -> None:
    trigger = make_trigger(trigger_type="cron", config={"cron_expression": "0 9 * * *"})
    assert api.get(f"{URL}/{trigger.pk}/status").json()["is_ready"] is True
    Schedule.objects.update(timezone="Atlantis/Sunken", next_fire_at=clock.now())
    Trigger.objects.update(config={"cron_expression": "0 9 * * *", "timezone": "Atlantis/Sunken"})
    sweep.fire_schedules()
    state = api.get(f"{URL}/{trigger.pk}/status").json()
    assert (state["status"], state["is_ready"]) == ("error", False)
    assert "Atlantis/Sunken" in state["schedule"]["description"]
    alert = Alert.objects.get()
    assert (alert.kind, alert.trigger_id, alert.resolved_at) == ("trigger_error", trigger.pk, None)
    assert "cannot go on" in alert.message
    refused = api.post(f"{URL}/{trigger.pk}/enable")
    assert (refused.status_code, list(refused.json()["details"])) == (400, ["config.timezone"])
    api.patch(
        f"{URL}/{trigger.pk}", {"config": {"cron_expression": "0 9 * * *", "timezone": "UTC"}}
    )
    assert api.post(f"{URL}/{trigger.pk}/enable").status_code == 200
    alert.refresh_from_db()
    assert alert.resolved_at is not None
    assert api.get(f"{URL}/{trigger.pk}/status").json()["is_ready"] is True


@pytest.mark.parametrize("verb", ["test", "dry-run"])
def test_the_event_to_try_with_goes_under_its_name(
    api: APIClient, trigger: Trigger, verb: str
) -> None:
    """Else the sample would be tried in its place."""
    answer = api.post(f"{URL}/{trigger.pk}/{verb}", {"evnt": {"plan": "pro"}})
    assert (answer.status_code, answer.json()["details"]) == (
        400,
        {"evnt": ["Unknown field. Did you mean 'event'?"]},
    )
    assert not Event.objects.exists()


def test_lists_of_a_type(api: APIClient, trigger: Trigger) -> None:
    assert names(api.get(f"{URL}/type/CUSTOM")) == names(api.get(f"{URL}?trigger_type=Custom"))
    assert names(api.get(f"{URL}/type/custom")) == [trigger.name]
    assert names(api.get(f"{URL}/type/manual")) == []  # the built-in ones are not shown
    assert api.get(f"{URL}/type/telepathy").status_code == 404
    assert api.get(f"{URL}?trigger_type=telepathy").status_code == 400


def test_the_schema_names_the_types_that_are_installed(api: APIClient) -> None:
    parts = api.get("/api/schema/?format=json").json()["components"]["schemas"]
    asked = parts["TriggerRequest"]["properties"]["trigger_type"]
    named = parts[asked["allOf"][0]["$ref"].split("/")[-1]] if "allOf" in asked else asked
    assert set(named["enum"]) == {*sources.registry, *sources.aliases}
    assert "enum" not in parts["Trigger"]["properties"]["trigger_type"]
