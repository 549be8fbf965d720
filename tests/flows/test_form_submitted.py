"""Somebody fills in the form on the website: a contact is there, and the agent answers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from crm.models import Contact, Form, Note, Workspace
from executions.models import Execution, Status
from tests.stories import MakeAgent, MakeTrigger

pytestmark = pytest.mark.django_db(transaction=True)
Run = Callable[[], None]
ANSWER = {
    "action": "create_note",
    "params": {"text": "@form.fields.company asks: @form.fields.message"},
}


def test_a_lead_from_the_website(
    acme: Workspace,
    make_agent: MakeAgent,
    make_trigger: MakeTrigger,
    run_everything_due: Run,
    client: Client,
) -> None:
    make_trigger(make_agent("Answer", ANSWER), "form_submitted")
    make_trigger(
        make_agent("Greeter", {"action": "notify", "params": {"message": "Hi"}}), "contact_created"
    )
    fields = [
        {"name": name, "label": name, "type": "text", "required": False}
        for name in ("company", "message")
    ]
    fields += [
        {"name": "name", "label": "Name", "type": "text"},
        {"name": "email", "label": "E-mail", "type": "email"},
    ]
    form = Form.objects.create(workspace=acme, name="Contact us", slug="contact", fields=fields)
    body = {
        "form_id": str(form.pk),
        "email": "Zoe@Example.org",
        "name": "Zoe van Dam",
        "company": "Acme",
        "message": "Hello?",
    }
    answer = client.post(
        "/api/workspaces/acme/webhooks/form-submitted", body, content_type="application/json"
    )
    assert answer.status_code == 200, answer.content
    assert answer.json()["is_new_contact"] is True
    run_everything_due()
    contact = Contact.objects.get()
    assert (contact.first_name, contact.last_name, contact.source) == (
        "Zoe",
        "van Dam",
        "form_submission",
    )
    assert Note.objects.get(contact=contact).text == "Acme asks: Hello?"
    assert set(Execution.objects.values_list("trigger_type", "status")) == {
        ("event: contact_created", Status.COMPLETED),
        ("event: form_submitted", Status.COMPLETED),
    }
    form.refresh_from_db()
    assert form.submissions_count == 1
