"""One agent does all that an agent can do, one step after the other."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone
from pytest_httpserver import HTTPServer

from crm.models import Contact, Note, Opportunity, Task, Workspace
from executions.models import Execution, Status, Step
from tests.stories import MakeAgent, MakeTrigger
from triggers.models import Event

pytestmark = pytest.mark.django_db(transaction=True)


def test_every_action_in_one_run(
    acme: Workspace,
    make_agent: MakeAgent,
    make_trigger: MakeTrigger,
    run_everything_due: Callable[[], None],
    httpserver: HTTPServer,
    settings: Any,
) -> None:
    settings.OUTBOUND_ALLOW = [f"{httpserver.host}:{httpserver.port}"]
    httpserver.expect_request("/score", json={"email": "ann@example.org"}).respond_with_json(
        {"score": 90}
    )
    make_agent("Second", {"action": "notify", "params": {"message": "Heard of @inputs.who"}})
    agent = make_agent(
        "First",
        {
            "action": "http_request",
            "params": {
                "method": "POST",
                "url": httpserver.url_for("/score?token=very-secret"),
                "headers": {"Authorization": "Bearer very-secret"},
                "json": {"email": "@contact.email"},
            },
        },
        {"action": "update_contact", "params": {"custom": {"score": "@steps.1.output.body.score"}}},
        {"action": "update_deal", "params": {"stage": "qualified", "value": 20_000}},
        {
            "action": "create_note",
            "params": {"text": "@contact.first_name scored @steps.1.output.body.score"},
        },
        {
            "action": "create_task",
            "params": {"title": "Call @contact.first_name", "due_in_days": 2},
        },
        {
            "action": "send_email",
            "params": {"to": "@contact.email", "subject": "Hi", "body": "About @deal.name"},
        },
        {"action": "wait", "params": {"until": timezone.now().isoformat()}},
        {"action": "emit_event", "params": {"name": "lead_scored", "data": {"id": "@contact.id"}}},
        {
            "action": "run_agent",
            "params": {"agent": "Second", "inputs": {"who": "@contact.first_name"}},
        },
        {"action": "notify", "params": {"message": "@deal.name is on its way"}},
    )
    make_trigger(agent, "deal_created")

    # Somebody saves a deal
    ann = Contact.objects.create(workspace=acme, first_name="Ann", email="ann@example.org")
    deal = Opportunity.objects.create(workspace=acme, name="Roof", contact=ann)
    run_everything_due()

    # Every step was done, and is in the journal without secrets
    execution = Execution.objects.get(agent=agent)
    steps = list(
        Step.objects.filter(execution=execution).values_list("kind", "state", "error_message")
    )
    assert [state for _, state, _ in steps] == ["done"] * 10, steps
    assert execution.status == Status.COMPLETED
    assert "very-secret" not in str(
        list(Step.objects.values("request", "response", "error_message"))
    )

    # And it was really done
    ann.refresh_from_db()
    deal.refresh_from_db()
    assert ann.custom == {"score": 90}
    assert deal.stage == "Qualified"
    assert deal.value == Decimal(20_000)
    assert Note.objects.get().text == "Ann scored 90"
    assert Task.objects.get().contact == ann
    assert [message.to for message in mail.outbox] == [["ann@example.org"]]

    # What the run itself caused is one level deeper, the e-mail too
    caused = Event.objects.filter(parent_execution_id=execution.pk)
    assert set(caused.values_list("type", "depth")) >= {
        ("contact_updated", 1), ("deal_stage_updated", 1), ("email.sent", 1), ("lead_scored", 1),
    }  # fmt: skip
    assert Execution.objects.get(agent__name="Second").status == Status.COMPLETED
