"""Three domains that the CRM knows nothing of, told to it in a few lines each, with an automation that works.

docs/adding-event-types.md explains what stands here.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.core import mail
from django.db import transaction

from crm.models import Contact, Workspace
from executions.models import Execution, Status
from tests.stories import MakeAgent, MakeTrigger
from triggers import event_types, events
from triggers.event_types import EventType, InvalidPayload
from triggers.models import Event

pytestmark = pytest.mark.django_db(transaction=True)
Run = Callable[[], None]

TEXT = {"type": "string"}


def record(title: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "title": title,
        "properties": properties,
        "required": list(properties),
    }


# --- recruits ---------------------------------------------------------------------------------------------------------

RECRUIT = record(
    "Recruit",
    name={**TEXT, "title": "Name"},
    email={**TEXT, "title": "E-mail"},
    phase={**TEXT, "title": "Phase"},
)
A_RECRUIT = {"name": "Ann", "email": "ann@example.org", "phase": "Training"}


def recruit_type(what: str, label: str, **more: Any) -> EventType:
    sample = {"recruit": A_RECRUIT, **dict.fromkeys(more, "Interview")}
    return event_types.register(
        f"recruit.{what}",
        label=label,
        schema=record(label, recruit=RECRUIT, **more),
        sample=sample,
        group="Recruits",
    )


CREATED = recruit_type("created", "Recruit created")
PHASE_CHANGED = recruit_type(
    "phase_changed", "Recruit moved on", previous_phase=TEXT, new_phase=TEXT
)
GRADUATED = recruit_type("graduated_to_agent", "Recruit became an agent")
DROPPED_OUT = recruit_type("dropped_out", "Recruit dropped out", reason=TEXT)


def move_on(recruit: dict[str, str], phase: str, *, workspace: Workspace) -> None:
    """What the recruiting side of the application does; a last phase is graduation."""
    moved = {**recruit, "phase": phase}
    changed = {"recruit": moved, "previous_phase": recruit["phase"], "new_phase": phase}
    drafts = [events.Draft(PHASE_CHANGED, workspace.pk, changed)]
    if phase == "Agent":
        drafts.append(events.Draft(GRADUATED, workspace.pk, {"recruit": moved}))
    events.emit_many(drafts)


def test_an_email_on_graduation(
    acme: Workspace, make_agent: MakeAgent, make_trigger: MakeTrigger, run_everything_due: Run
) -> None:
    # Somebody wants to welcome those who make it
    email = {
        "to": "@event.recruit.email",
        "subject": "Welcome, @event.recruit.name",
        "body": "You are in.",
    }
    agent = make_agent("Welcome", {"action": "send_email", "params": email})
    make_trigger(agent, "recruit.graduated_to_agent")

    # Ann goes through two phases
    move_on(A_RECRUIT, "Exam", workspace=acme)
    move_on(A_RECRUIT, "Agent", workspace=acme)
    run_everything_due()

    # One message went out, and that it was sent is an event itself
    assert [(message.to, message.subject) for message in mail.outbox] == [
        (["ann@example.org"], "Welcome, Ann")
    ]
    execution = Execution.objects.get()
    assert (execution.status, execution.trigger_type) == (
        Status.COMPLETED,
        "event: recruit.graduated_to_agent",
    )
    assert Event.objects.get(type="email.sent").parent_execution_id == execution.pk


def test_a_condition_sees_the_fields_of_the_domain(
    acme: Workspace, make_agent: MakeAgent, make_trigger: MakeTrigger, run_everything_due: Run
) -> None:
    agent = make_agent(
        "Watch", {"action": "notify", "params": {"message": "@event.recruit.name left"}}
    )
    reason = {"field": "reason", "operator": "contains", "value": "pay"}
    make_trigger(agent, "recruit.*", conditions=[reason])
    for words in ("The pay is too low", "Moved away"):
        payload = {"recruit": A_RECRUIT, "reason": words}
        events.emit(DROPPED_OUT, workspace_id=acme.pk, payload=payload)
    events.emit(CREATED, workspace_id=acme.pk, payload={"recruit": A_RECRUIT})
    run_everything_due()
    found = Execution.objects.order_by("position").values_list("status", "reason")
    assert list(found) == [
        ("completed", ""),
        ("skipped", "condition_false"),
        ("skipped", "condition_false"),
    ]


# --- policies ---------------------------------------------------------------------------------------------------------

POLICY = record(
    "Policy", number={**TEXT, "title": "Number"}, premium={"type": "number", "title": "Premium"}
)
CLIENT = record("Client", name={**TEXT, "title": "Name"})
POLICY_TYPES = {
    what: event_types.register(
        f"policy.{what}",
        label=f"Policy {what}",
        schema=record(f"Policy {what}", policy=POLICY, client=CLIENT),
        sample={"policy": {"number": "P-1", "premium": 900}, "client": {"name": "Ann"}},
        group="Policies",
    )
    for what in ("created", "approved", "cancelled")
}


def test_a_notice_on_approval(
    acme: Workspace, make_agent: MakeAgent, make_trigger: MakeTrigger, run_everything_due: Run
) -> None:
    message = "Policy @event.policy.number of @event.client.name is approved"
    agent = make_agent(
        "Herald", {"action": "notify", "params": {"message": message, "level": "success"}}
    )
    make_trigger(agent, "policy.approved")
    payload = {"policy": {"number": "P-7", "premium": Decimal("950.50")}, "client": {"name": "Bob"}}
    for what in ("created", "approved", "cancelled"):
        events.emit(POLICY_TYPES[what], workspace_id=acme.pk, payload=payload)
    run_everything_due()
    execution = Execution.objects.get()
    assert execution.status == Status.COMPLETED
    assert execution.steps.get().response == {"message": "Policy P-7 of Bob is approved"}


def test_a_policy_that_is_not_saved_is_not_told(acme: Workspace) -> None:
    payload = {"policy": {"number": "P-8", "premium": 1}, "client": {"name": "Bob"}}
    with transaction.atomic():
        events.emit(POLICY_TYPES["created"], workspace_id=acme.pk, payload=payload)
        transaction.set_rollback(True)
    assert not Event.objects.exists()
    with pytest.raises(InvalidPayload, match=r"policy\.premium"):
        events.emit(
            POLICY_TYPES["created"],
            workspace_id=acme.pk,
            payload={"policy": {"number": "P-8", "premium": "much"}, "client": {"name": "Bob"}},
        )


# --- commissions ------------------------------------------------------------------------------------------------------

COMMISSION = record(
    "Commission", amount={"type": "number", "title": "Amount"}, month={**TEXT, "title": "Month"}
)
EARNER = record("Agent", contact_id={**TEXT, "title": "Contact id", "format": "uuid"})
COMMISSION_TYPES = {
    what: event_types.register(
        f"commission.{what}",
        label=f"Commission {what}",
        schema=record(f"Commission {what}", commission=COMMISSION, agent=EARNER),
        sample={"commission": {"amount": 120, "month": "2026-11"}, "agent": {"contact_id": "none"}},
        group="Commissions",
    )
    for what in ("earned", "chargeback", "paid")
}


def test_a_field_update_on_commission_earned(
    acme: Workspace, make_agent: MakeAgent, make_trigger: MakeTrigger, run_everything_due: Run
) -> None:
    bob = Contact.objects.create(workspace=acme, first_name="Bob", custom={"team": "North"})
    fields = {"last_commission": "@event.commission.amount", "month": "@event.commission.month"}
    params = {"contact_id": "@event.agent.contact_id", "custom": fields}
    agent = make_agent("Bookkeeper", {"action": "update_contact", "params": params})
    make_trigger(agent, "commission.earned")
    for what, amount in (("earned", Decimal("120.50")), ("paid", 500), ("chargeback", 70)):
        payload = {
            "commission": {"amount": amount, "month": "2026-11"},
            "agent": {"contact_id": bob.pk},
        }
        events.emit(COMMISSION_TYPES[what], workspace_id=acme.pk, payload=payload)
    run_everything_due()
    bob.refresh_from_db()
    assert bob.custom == {"team": "North", "last_commission": 120.5, "month": "2026-11"}
    told = Event.objects.get(type="contact_updated")
    assert (told.depth, told.actor) == (1, f"agent:{agent.pk}")
    assert set(told.payload["changes"]) == {"custom"}
