"""One inbox, two agents: what asks for an offer goes to sales, what asks for help to support, the rest to nobody.

The recipe stands in docs/models.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from crm.models import Form, Note, Workspace
from executions.models import Execution, Reason, Status
from tests.agents.models import MakeProvider
from tests.agents.modelserver import ModelServer, Say
from tests.stories import MakeAgent

pytestmark = pytest.mark.django_db(transaction=True)
Run = Callable[[], None]

SALES = "The message is a sales inquiry: somebody wants an offer, a price or a demonstration."
SUPPORT = "The message is a support request: something that a customer has does not work."
BUYS, BROKEN, GREETS = (
    "What do 40 seats cost?",
    "The export is broken since Monday.",
    "Happy new year!",
)


def think(body: dict[str, Any]) -> Say:
    """What a model would find: by the condition that it is told, and the message in the data."""
    told, data = str(body["messages"][0]), str(body["messages"][-1])
    match = (SALES in told and BUYS in data) or (SUPPORT in told and BROKEN in data)
    said = {"match": match, "reason": "So it reads.", "evidence": "", "confidence": 0.95}
    return Say(calls=[("answer", said)])


def condition(words: str, *, yes: str, no: str) -> dict[str, Any]:
    examples = [{"input": yes, "expected": True}, {"input": no, "expected": False}]
    fields = ["form.fields.message"]
    return {"type": "llm", "description": words, "context_fields": fields, "examples": examples}


@pytest.fixture
def form(acme: Workspace) -> Form:
    fields = [{"name": name, "label": name, "type": "text"} for name in ("email", "message")]
    return Form.objects.create(workspace=acme, name="Inbox", slug="inbox", fields=fields)


@pytest.fixture
def routed(
    acme: Workspace, api: APIClient, brain: ModelServer, make_provider: MakeProvider,
    make_agent: MakeAgent,
) -> None:  # fmt: skip
    make_provider()
    brain.think = think
    assert api.patch("/api/v1/workspace", {"default_model": "local:small"}).status_code == 200
    for name, tree in (
        ("Sales", condition(SALES, yes=BUYS, no=BROKEN)),
        ("Support", condition(SUPPORT, yes=BROKEN, no=BUYS)),
    ):
        note = {"action": "create_note", "params": {"text": f"{name}: @form.fields.message"}}
        body = {
            "name": f"Inbox to {name}",
            "agent_id": str(make_agent(name, note).pk),
            "trigger_type": "event",
            "config": {"event_type": "form_submitted"},
            "conditions": tree,
        }
        answer = api.post("/api/v1/triggers", body)
        assert answer.status_code == 201, answer.content
        assert answer.json()["examples"]["state"] == "passed"
        assert answer.json()["enabled"] is True


def write(form: Form, message: str) -> None:
    """Somebody fills the form in."""
    body = {"form_id": str(form.pk), "email": "zoe@example.org", "message": message}
    answer = Client().post(
        "/api/workspaces/acme/webhooks/form-submitted", body, content_type="application/json"
    )
    assert answer.status_code == 200, answer.content


@pytest.mark.parametrize(
    ("message", "agent"),
    [(BUYS, "Sales"), (BROKEN, "Support"), (GREETS, None)],
    ids=["sales", "support", "neither"],
)
def test_each_message_finds_its_agent(
    routed: None, form: Form, run_everything_due: Run, message: str, agent: str | None
) -> None:
    write(form, message)
    run_everything_due()
    ran = Execution.objects.filter(status=Status.COMPLETED)
    assert [run.agent_name for run in ran] == ([agent] if agent else [])
    others = Execution.objects.exclude(pk__in=ran)
    assert {(run.status, run.reason) for run in others} == {
        (Status.SKIPPED, Reason.CONDITION_FALSE)
    }
    assert ran.count() + others.count() == 2, "each event is answered for at each trigger"
    notes = list(Note.objects.values_list("text", flat=True))
    assert notes == ([f"{agent}: {message}"] if agent else [])
