"""Saving a trigger: what the editors send becomes what `triggers.blueprint` stores, and problems find their place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from agents.models import Agent
from crm.models import Workspace
from tests.executions.admin.conftest import _agent
from tests.executions.admin.pages import drawn_values, url
from triggers.models import Trigger

NESTED = {
    "type": "combined",
    "logic": "AND",
    "conditions": [
        {"field": "deal.value", "operator": "greater_than", "value": 10000},
        {
            "type": "combined",
            "logic": "NOT",
            "conditions": [
                {
                    "type": "rule",
                    "logic": "OR",
                    "rules": [
                        {"field": "new_stage", "operator": "eq", "value": "Closed Lost"},
                        {"field": "contact", "operator": "not_exists"},
                    ],
                }
            ],
        },
    ],
}


@pytest.fixture
def agent(acme: Workspace) -> Agent:
    return _agent(acme)


def filled(agent: Agent, **fields: Any) -> dict[str, str]:
    sent: dict[str, Any] = {
        "name": "VIP", "agent": str(agent.pk), "description": "", "trigger_type": "event", "enabled": "on",
        "config": {"event_type": "deal_stage_updated"}, "conditions": NESTED,
        "input_mapping": [["value", "$.deal.value"]],
        "default_inputs": [["who", "Ann"], ["n", 3]], "max_executions_per_hour": "60", "max_concurrent": "",
        "cooldown_seconds": "5", "max_age_seconds": "", "failure_threshold": "5", **fields,
    }  # fmt: skip
    return {
        name: value if isinstance(value, str) else json.dumps(value) for name, value in sent.items()
    }


def test_nested_conditions_are_stored_in_canonical_form(ann: Client, agent: Agent) -> None:
    answer = ann.post(url(Trigger, "add"), filled(agent))
    assert answer.status_code == 302, answer.context["errors"]
    trigger = Trigger.objects.visible().get()
    assert trigger.topic == "deal_stage_updated"
    assert trigger.created_by is not None
    assert trigger.conditions["conditions"][1]["conditions"][0]["rules"] == [
        {"field": "new_stage", "operator": "equals", "value": "Closed Lost"},
        {"field": "contact", "operator": "not_exists"},
    ]
    assert trigger.input_mapping == {"value": "$.deal.value"}
    assert trigger.default_inputs == {"who": "Ann", "n": 3}
    assert (trigger.cooldown_seconds, trigger.max_concurrent, trigger.max_executions_per_hour) == (
        5,
        None,
        60,
    )


def test_an_end_that_has_passed_is_warned_of(ann: Client, agent: Agent) -> None:
    config = {"cron_expression": "0 9 * * *", "timezone": "UTC", "ends_at": "2020-01-01"}
    fields = {"trigger_type": "cron", "config": config, "conditions": [], "input_mapping": []}
    answer = ann.post(url(Trigger, "add"), filled(agent, **fields), follow=True)
    assert Trigger.objects.visible().get().config["ends_at"] == "2020-01-01"
    assert "Its end has passed: it does not fire any more." in answer.content.decode()


def test_a_workspace_has_a_bounded_number_of_triggers(
    ann: Client, api: APIClient, agent: Agent, settings: Settings
) -> None:
    settings.TRIGGERS_PER_WORKSPACE = 1
    assert ann.post(url(Trigger, "add"), filled(agent)).status_code == 302
    refused = ann.post(url(Trigger, "add"), filled(agent, name="Another"))
    assert "This workspace may have 1 triggers, and has them" in refused.content.decode()
    body = {"name": "Another", "agent_id": str(agent.pk), "trigger_type": "event"}
    answer = api.post("/api/v1/triggers", {**body, "config": {"event_type": "contact_created"}})
    assert (answer.status_code, answer.json()["error_code"]) == (400, "too_many_triggers")
    trigger = Trigger.objects.visible().get()
    changed = api.patch(f"/api/v1/triggers/{trigger.pk}", {"name": "The same"})
    assert changed.status_code == 200, changed.content


def test_saving_again_changes_only_what_was_changed(ann: Client, agent: Agent) -> None:
    ann.post(url(Trigger, "add"), filled(agent))
    trigger = Trigger.objects.visible().get()
    before: dict[str, Any] = dict(Trigger.objects.filter(pk=trigger.pk).values().get())
    sent = filled(agent, conditions=trigger.conditions, max_executions_per_hour="", enabled="")
    assert ann.post(url(Trigger, "change", trigger.pk), sent).status_code == 302
    after: dict[str, Any] = dict(Trigger.objects.filter(pk=trigger.pk).values().get())
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"status", "max_executions_per_hour", "version", "updated_at"}
    assert (after["status"], after["max_executions_per_hour"]) == ("paused", None)


@pytest.mark.parametrize(
    ("field", "value", "place", "said"),
    [
        ("conditions", [{"field": "a", "operator": "grater_than", "value": 1}], "[0].operator", "greater_than"),
        ("conditions", {**NESTED, "conditions": [{"operator": "exists"}]}, "conditions[0].field", "needs a field"),
        ("conditions", {"type": "rule", "logic": "NOT", "rules": []}, "rules", "NOT takes exactly one condition"),
        ("config", {"event_type": "Bad Name"}, "event_type", "Not the name of an event type"),
        ("config", {"event_typ": "contact_created"}, "event_typ", "Did you mean"),
        ("config", [], "", "Give the configuration of one type"),
        ("input_mapping", [["ok", "$.a"], ["bad", "$.a["]], "[1].value", ""),
        ("input_mapping", [["a", "$.a"], ["a", "$.b"]], "[1].name", "stands here twice"),
        ("input_mapping", [["a", "$.a"], ["b", {"extract": "x", "schema": 5}]], "[1].value", "what the value is"),
        ("input_mapping", [["a", {"extract": "", "schema": {}}], ["b", "$.b"]], "[0].value", "Say in words"),
        ("default_inputs", [["", 1]], "[0].name", "Give each row a name"),
        ("name", "", "", "This field is required"),
        ("trigger_type", "cron_tab", "", "Select a valid choice"),
    ],
)  # fmt: skip
def test_problems_are_told_at_their_place(
    field: str, value: Any, place: str, said: str, ann: Client, agent: Agent
) -> None:
    answer = ann.post(url(Trigger, "add"), filled(agent, **{field: value}))
    assert answer.status_code == 200
    errors = answer.context["adminform"].form.errors.as_data()[field]
    found = [((error.params or {}).get("path", ""), " ".join(error.messages)) for error in errors]
    assert any(path == place and said in text for path, text in found), found
    assert not Trigger.objects.visible().exists()


def test_what_was_typed_is_still_there(ann: Client, agent: Agent) -> None:
    bad = [{"field": "deal.value", "operator": "nope", "value": "</script><b>"}]
    answer = ann.post(url(Trigger, "add"), filled(agent, conditions=bad))
    assert "&lt;/script&gt;&lt;b&gt;" in answer.text
    assert "</script><b>" not in answer.text


def test_a_name_is_taken_once(ann: Client, agent: Agent) -> None:
    assert ann.post(url(Trigger, "add"), filled(agent)).status_code == 302
    answer = ann.post(url(Trigger, "add"), filled(agent))
    assert "A trigger with this name exists already." in answer.text


def test_inputs_in_words_are_stored_and_shown_again(ann: Client, agent: Agent) -> None:
    words = {"extract": "what is offered", "schema": {"type": ["number", "null"]}}
    mapping: list[Any] = [["value", "$.deal.value"], ["offer", words]]
    answer = ann.post(url(Trigger, "add"), filled(agent, input_mapping=mapping), follow=True)
    assert "Nobody says which model reads this." in answer.text
    trigger = Trigger.objects.visible().get()
    assert trigger.input_mapping == dict(mapping)
    page = ann.get(url(Trigger, "change", trigger.pk))
    assert sorted(json.loads(drawn_values(page.text)["input_mapping"])) == sorted(mapping)
    assert "admin/mapping_cell.js" in page.text


def test_a_strange_name_is_a_warning(ann: Client, agent: Agent) -> None:
    answer = ann.post(
        url(Trigger, "add"),
        filled(agent, config={"event_type": "contact_creatd"}, conditions=[]),
        follow=True,
    )
    assert "Did you mean &#x27;contact_created&#x27;" in answer.text


def test_the_other_types(ann: Client, agent: Agent) -> None:
    custom = {"endpoint": "signed_up", "filter": {"plan": "pro"}}
    ann.post(
        url(Trigger, "add"),
        filled(agent, name="c", trigger_type="custom", config=custom, conditions=[]),
    )
    ann.post(
        url(Trigger, "add"),
        filled(agent, name="m", trigger_type="manual", config={}, conditions=[]),
    )
    stored = {
        trigger.name: (trigger.trigger_type, trigger.config)
        for trigger in Trigger.objects.visible()
    }
    assert stored == {"c": ("custom", custom), "m": ("manual", {})}


def test_the_page_offers_what_there_is(ann: Client, agent: Agent) -> None:
    page = ann.get(url(Trigger, "add")).context["adminform"].form
    offered = page.fields["conditions"].widget.config
    assert {"path": "deal.value", "label": "Deal › Value", "type": "number"} in offered["fields"][
        "deal_stage_updated"
    ]
    assert {"greater_than", "exists"} <= {operator["name"] for operator in offered["operators"]}
    assert set(page.fields["config"].widget.config["types"]) >= {"event", "custom", "manual"}


def test_a_new_trigger_listens_to_the_crm_at_first(ann: Client, agent: Agent) -> None:
    for address in (url(Trigger, "add"), f"{url(Trigger, 'add')}?_popup=1"):
        assert drawn_values(ann.get(address).text)["trigger_type"] == "event"


def test_a_draft_agent_is_marked(ann: Client, agent: Agent) -> None:
    ann.post(url(Trigger, "add"), filled(agent))
    trigger = Trigger.objects.visible().get()
    assert "Draft" in ann.get(url(Trigger, "changelist")).text
    assert (
        "is draft: events are written down as skipped"
        in ann.get(url(Trigger, "change", trigger.pk)).text
    )


def test_a_dry_run_shows_what_it_saw(ann: Client, agent: Agent) -> None:
    ann.post(url(Trigger, "add"), filled(agent))
    trigger = Trigger.objects.visible().get()
    event = {"deal": {"value": 5}, "new_stage": "Proposal", "contact": None}
    answer = ann.post(url(Trigger, "dry_run", trigger.pk), {"event": json.dumps(event)})
    assert "It would not run. The trigger&#x27;s conditions were not met." in answer.text
    assert "<code>deal.value</code> is greater than" in answer.text
