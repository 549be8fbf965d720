"""Steps that a person approves, changes or rejects before they happen."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from agents import blueprint
from agents.models import Agent, AgentStatus
from config.lib import clock
from crm.models import Contact, Note, Role, Workspace
from executions import approving, sweep
from executions.models import Alert, AuditEntry, Execution, Reason, Status, Step, StepState
from tests.agents.models import MakeProvider
from tests.agents.modelserver import ModelServer, Say
from tests.conftest import MakeClient, MakeMember
from tests.stories import MakeTrigger

pytestmark = pytest.mark.django_db(transaction=True)

Run = Callable[[], None]
NOTE = {"action": "create_note", "params": {"text": "About @contact.first_name"}}


@pytest.fixture
def waiting(
    acme: Workspace,
    make_agent: Callable[..., Agent],
    make_trigger: MakeTrigger,
    run_everything_due: Run,
) -> Execution:
    """A run of two steps whose first one waits for a person."""
    agent = make_agent(
        "Careful",
        {**NOTE, "needs_approval": True},
        {"action": "notify", "params": {"message": "Note @steps.1.output.note_id"}},
    )
    make_trigger(agent, "contact_created")
    Contact.objects.create(workspace=acme, first_name="Ann", email="ann@example.org")
    run_everything_due()
    return Execution.objects.get()


@pytest.fixture
def thinking(
    acme: Workspace,
    brain: ModelServer,
    make_provider: MakeProvider,
    make_trigger: MakeTrigger,
    run_everything_due: Run,
) -> Execution:
    """A run whose model has asked for a note, which a person has to approve."""
    make_provider()
    agent = Agent(workspace=acme, status=AgentStatus.LIVE)
    tool = {"action": "create_note", "needs_approval": True}
    blueprint.store(agent, {"name": "Thinker", "model": "local:small", "tools": [tool]})
    make_trigger(agent, "contact_created")
    brain.say(Say(calls=[("create_note", {"text": "Buy!"})]), Say("Done."))
    Contact.objects.create(workspace=acme, first_name="Ann", email="ann@example.org")
    run_everything_due()
    return Execution.objects.get()


def test_nothing_happens_before_somebody_approves(waiting: Execution) -> None:
    assert waiting.status == Status.WAITING_APPROVAL
    assert Note.objects.count() == 0
    step = Step.objects.get()
    assert (step.state, step.request) == (StepState.PROPOSED, {"text": "About Ann"})
    assert Alert.objects.get().kind == "approval"
    assert waiting.run_at is not None


def test_an_approved_step_happens_once_and_the_run_goes_on(
    waiting: Execution, api: APIClient, run_everything_due: Run
) -> None:
    answer = api.post(f"/api/v1/executions/{waiting.pk}/approve", {"step": 1})
    assert answer.status_code == 200, answer.json()
    assert answer.json()["status"] == "queued"
    again = api.post(f"/api/v1/executions/{waiting.pk}/approve", {"step": 1})
    assert again.status_code == 409
    run_everything_due()
    waiting.refresh_from_db()
    assert (waiting.status, waiting.attempt) == (Status.COMPLETED, 1)
    assert Note.objects.get().text == "About Ann"
    assert Alert.objects.get().resolved_at is not None
    assert AuditEntry.objects.filter(verb="approve").count() == 1


def test_what_is_approved_may_be_changed(
    waiting: Execution, api: APIClient, run_everything_due: Run
) -> None:
    url = f"/api/v1/executions/{waiting.pk}/approve"
    wrong = api.post(url, {"step": 1, "params": {"text": "", "tekst": "x"}})
    assert wrong.status_code == 400
    assert Step.objects.get().decision is None
    assert api.post(url, {"step": 1, "params": {"text": "Better"}}).status_code == 200
    run_everything_due()
    assert Note.objects.get().text == "Better"
    decision: Any = Step.objects.get(number=1).decision
    assert decision["params"] == {"text": "Better"}


def test_a_rejected_fixed_step_cancels_the_run(
    waiting: Execution, api: APIClient, run_everything_due: Run
) -> None:
    answer = api.post(
        f"/api/v1/executions/{waiting.pk}/reject", {"step": 1, "comment": "Too early"}
    )
    assert answer.status_code == 200
    run_everything_due()
    waiting.refresh_from_db()
    assert (waiting.status, waiting.reason) == (Status.CANCELLED, Reason.REJECTED)
    assert "Too early" in waiting.error_message
    assert Note.objects.count() == 0


def test_a_tool_that_is_approved_is_used(
    thinking: Execution, brain: ModelServer, run_everything_due: Run
) -> None:
    assert thinking.status == Status.WAITING_APPROVAL
    approving.approve(thinking, 2, by="ann", params={"text": "Do not buy!"})
    run_everything_due()
    thinking.refresh_from_db()
    assert thinking.status == Status.COMPLETED
    assert Note.objects.get().text == "Do not buy!"
    assert len(brain.asked) == 2, "what was said before is not asked again"


def test_a_tool_that_is_rejected_is_told_to_the_model(
    thinking: Execution, brain: ModelServer, run_everything_due: Run
) -> None:
    approving.reject(thinking, 2, by="ann", comment="Not her.")
    run_everything_due()
    thinking.refresh_from_db()
    assert thinking.output == {"answer": "Done.", "turns": 2}
    assert Note.objects.count() == 0
    assert "ann rejected this: Not her." in str(brain.asked[1]["messages"][-1])


def test_nobody_decides_in_time(waiting: Execution) -> None:
    Execution.objects.update(run_at=clock.now() - dt.timedelta(seconds=1))
    sweep.sweep()
    waiting.refresh_from_db()
    assert (waiting.status, waiting.reason) == (Status.CANCELLED, Reason.EXPIRED)
    assert Step.objects.get().state == StepState.REJECTED
    assert Alert.objects.get().resolved_at is not None
    with pytest.raises(approving.CannotDecide):
        approving.approve(waiting, 1, by="ann")


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 400), ({"step": 0}, 400), ({"step": "x"}, 400), ({"step": 2}, 409), ({"stp": 1}, 400)],
    ids=["none", "zero", "word", "other", "misspelt"],
)
def test_bad_decisions(
    waiting: Execution, api: APIClient, body: dict[str, Any], status: int
) -> None:
    for verb in ("approve", "reject"):
        answer = api.post(f"/api/v1/executions/{waiting.pk}/{verb}", body)
        assert answer.status_code == status, answer.json()
    waiting.refresh_from_db()
    assert waiting.status == Status.WAITING_APPROVAL


def test_viewers_decide_nothing(
    waiting: Execution, member: MakeMember, client_of: MakeClient
) -> None:
    viewer = client_of(member("vic", role=Role.VIEWER))
    assert viewer.post(f"/api/v1/executions/{waiting.pk}/approve", {"step": 1}).status_code == 403


def test_a_paused_agent_is_not_approved_behind_its_back(waiting: Execution, api: APIClient) -> None:
    Agent.objects.update(status=AgentStatus.PAUSED)
    answer = api.post(f"/api/v1/executions/{waiting.pk}/approve", {"step": 1})
    assert answer.status_code == 409
    assert api.post(f"/api/v1/executions/{waiting.pk}/cancel").status_code == 200
    assert Alert.objects.get().resolved_at is not None


def test_it_is_decided_on_the_page(
    waiting: Execution, member: MakeMember, run_everything_due: Run, client: Any
) -> None:
    client.force_login(member("ed"))
    url = f"/executions/{waiting.pk}/"
    assert "shall this happen" in client.get(url).content.decode()
    sent = {"decision": "approve", "param-text": "By hand"}
    client.post(f"{url}approve/", sent)
    run_everything_due()
    assert Note.objects.get().text == "By hand"
