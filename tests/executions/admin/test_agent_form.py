"""Saving an agent: steps, limits, and the buttons that start and stop it."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from django.contrib.admin import helpers
from django.test import Client

from agents.models import Agent, AgentStatus
from crm.models import Workspace
from executions.models import AgentStart, AuditEntry, Execution
from tests.executions.admin.conftest import _agent, _trigger
from tests.executions.admin.pages import url

STEPS = [
    {"action": "send_email", "params": {"to": "@contact.email", "subject": "Hello", "body": "Hi @contact.first_name"}},
    {"action": "notify", "params": {"message": "@steps.1.output.subject"}, "on_error": "continue"},
]  # fmt: skip


def filled(**fields: Any) -> dict[str, str]:
    sent: dict[str, Any] = {
        "name": "Greeter",
        "description": "",
        "steps": STEPS,
        "restrictions": {"max_concurrent": 2},
        **fields,
    }
    return {
        name: value if isinstance(value, str) else json.dumps(value) for name, value in sent.items()
    }


def test_steps_and_limits_are_stored(ann: Client, acme: Workspace) -> None:
    answer = ann.post(
        url(Agent, "add"),
        filled(restrictions={"max_concurrent": 2, "max_executions_per_day": None}),
    )
    assert answer.status_code == 302, answer.context["errors"]
    agent = Agent.objects.get()
    assert (agent.workspace, agent.status) == (acme, AgentStatus.DRAFT)
    assert [step["action"] for step in agent.steps] == ["send_email", "notify"]
    assert agent.steps[1]["on_error"] == "continue"
    assert (
        agent.limit("max_concurrent"),
        agent.limit("max_executions_per_day"),
        agent.limit("max_attempts"),
    ) == (2, None, 3)
    ann.post(url(Agent, "change", agent.pk), filled(steps=STEPS[:1]))
    assert Agent.objects.get().version == 2


@pytest.mark.parametrize(
    ("field", "value", "place", "said"),
    [
        ("steps", [{"action": "send_mail", "params": {}}], "[0].action", "Did you mean"),
        (
            "steps",
            [STEPS[0], {"action": "notify", "params": {}}],
            "[1].params.message",
            "This field is required",
        ),
        (
            "steps",
            [{"action": "notify", "params": {"message": "@contact.nme"}}],
            "[0].params.message",
            "contact.name",
        ),
        (
            "steps",
            [{"action": "notify", "params": {"message": "@steps.2.output"}}],
            "[0].params.message",
            "",
        ),
        ("steps", {"a": 1}, "", "Give a list of steps"),
        ("restrictions", {"max_attempts": None}, "max_attempts", "whole number"),
        ("restrictions", {"max_concurrent": "x"}, "max_concurrent", "whole number"),
        ("name", " ", "", ""),
    ],
)
def test_problems_are_told_at_their_place(
    field: str, value: Any, place: str, said: str, ann: Client
) -> None:
    answer = ann.post(url(Agent, "add"), filled(**{field: value}))
    assert answer.status_code == 200
    errors = answer.context["adminform"].form.errors.as_data()[field]
    found = [((error.params or {}).get("path", ""), " ".join(error.messages)) for error in errors]
    assert any(
        path == place and (said in text or said == "contact.name") for path, text in found
    ), found
    assert not Agent.objects.exists()


def test_a_name_is_taken_once(ann: Client) -> None:
    ann.post(url(Agent, "add"), filled())
    assert "An agent with this name exists already." in ann.post(url(Agent, "add"), filled()).text


def test_an_agent_without_steps_cannot_start(ann: Client, acme: Workspace) -> None:
    agent = Agent.objects.create(workspace=acme, name="Empty")
    answer = ann.post(url(Agent, "activate", agent.pk), follow=True)
    assert "Give the agent at least one step" in answer.text
    assert Agent.objects.get().status == AgentStatus.DRAFT


def test_run_now_hands_over_inputs(ann: Client, acme: Workspace) -> None:
    agent = _agent(acme)
    Agent.objects.update(status=AgentStatus.LIVE)
    answer = ann.post(url(Agent, "run", agent.pk), {"inputs": '[["who", "Ann"], ["n", 3]]'})
    execution = Execution.objects.get()
    assert answer["Location"] == url(Execution, "change", execution.pk)
    assert {"who": "Ann", "n": 3}.items() <= execution.inputs.items()


def test_deleting_names_what_goes_and_no_bookkeeping(ann: Client, acme: Workspace) -> None:
    agent = _agent(acme)
    _trigger(acme, agent)
    AgentStart.objects.bulk_create(
        AgentStart(workspace_id=agent.workspace_id, agent=agent, at=dt.datetime.now(dt.UTC))
        for _ in range(50)
    )
    for page in (
        ann.get(url(Agent, "delete", agent.pk)),
        ann.post(
            url(Agent, "changelist"),
            {"action": "delete_selected", helpers.ACTION_CHECKBOX_NAME: str(agent.pk)},
        ),
    ):
        assert "Trigger: " in page.text
        assert "start" not in page.text.partition("Summary")[2].partition("</ul>")[2].lower()
        assert "gate" not in page.text.partition("Summary")[2].lower()
    assert ann.post(url(Agent, "delete", agent.pk), {"post": "yes"}).status_code == 302
    assert not Agent.objects.exists()
    assert AuditEntry.objects.filter(verb="delete").count() == 1


def test_a_secret_in_a_step_is_not_told_again(ann: Client) -> None:
    """It stays in the step, where it is used; neither the trail nor the history repeats it."""
    secret = "tf-canary-8d1f0c"
    call = {
        "action": "http_request",
        "params": {"method": "GET", "url": "https://example.org/", "headers": {"Authorization": f"Bearer {secret}"}},
    }  # fmt: skip
    assert ann.post(url(Agent, "add"), filled(steps=[call])).status_code == 302
    agent = Agent.objects.get()
    ann.post(
        url(Agent, "change", agent.pk),
        filled(steps=[call, STEPS[1] | {"params": {"message": "x"}}]),
    )
    assert AuditEntry.objects.count() == 2
    assert secret not in str(list(AuditEntry.objects.values_list("before", "after")))
    assert secret not in ann.get(url(Agent, "history", agent.pk)).text


def test_everything_in_a_workspace_is_paused(ann: Client, acme: Workspace) -> None:
    for action, paused in (("pause", True), ("resume", False)):
        assert ann.post(url(Workspace, action, acme.pk)).status_code == 302
        acme.refresh_from_db()
        assert acme.paused is paused
