from __future__ import annotations

import pytest

from agents.signals import email_finished
from config.lib.ids import uuid7
from crm.models import Contact, Workspace
from triggers import event_types
from triggers.models import Event


@pytest.mark.parametrize(
    "ok, error, name", [(True, "", "email.sent"), (False, "refused", "email.failed")]
)
def test_a_finished_message_is_told(acme: Workspace, ok: bool, error: str, name: str) -> None:
    execution_id = uuid7()
    email_finished.send(
        sender=None,
        workspace_id=acme.pk,
        to=["ann@example.org"],
        subject="Hi",
        ok=ok,
        error=error,
        execution_id=execution_id,
    )
    event = Event.objects.get()
    assert event.type == name
    assert event.payload == {
        "email": {"to": ["ann@example.org"], "subject": "Hi"},
        "error": error,
        "execution_id": str(execution_id),
    }


def test_a_message_belongs_to_the_history_of_whom_it_went_to(acme: Workspace) -> None:
    ann = Contact.objects.create(workspace=acme, email="Ann@example.org")
    email_finished.send(
        sender=None, workspace_id=acme.pk, to="ann@Example.org", subject="Hi", ok=True
    )
    assert Event.objects.get(type="email.sent").subject == f"contact:{ann.pk}"


def test_a_bounce_has_a_type() -> None:
    assert event_types.registry.get("email.bounced").group == "E-mail"
