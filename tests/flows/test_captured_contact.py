"""Another program writes into the database, and an agent runs because of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from crm.models import Contact, Note, Workspace
from executions.models import Execution, Status
from tests.stories import MakeAgent, MakeTrigger
from triggers.models import Event

pytestmark = pytest.mark.django_db(transaction=True)
GREET = {
    "action": "create_note",
    "params": {"text": "Welcome @contact.first_name <@contact.email>"},
}
INSERT = """INSERT INTO crm_contact
    (id, workspace_id, first_name, last_name, email, phone, title, company, source, custom, created_at, updated_at)
    VALUES (gen_random_uuid(), %s, 'Ann', '', 'ann@example.org', '', '', '', 'erp', '{}', now(), now())"""


@pytest.mark.usefixtures("capturing")
def test_an_agent_runs_because_another_program_inserted_a_contact(
    acme: Workspace,
    make_agent: MakeAgent,
    make_trigger: MakeTrigger,
    run_everything_due: Callable[[], None],
    program: psycopg.Connection[Any],
) -> None:
    make_trigger(make_agent("Greeter", GREET), "contact_created")
    program.execute(INSERT, [acme.pk])
    run_everything_due()
    contact, event, execution = Contact.objects.get(), Event.objects.get(), Execution.objects.get()
    assert (event.source, event.subject) == ("database", f"contact:{contact.pk}")
    assert execution.status == Status.COMPLETED
    assert Note.objects.get().text == "Welcome Ann <ann@example.org>"


@pytest.mark.usefixtures("capturing")
def test_what_the_agent_then_writes_is_told_once(
    acme: Workspace,
    make_agent: MakeAgent,
    make_trigger: MakeTrigger,
    run_everything_due: Callable[[], None],
    program: psycopg.Connection[Any],
) -> None:
    step = {"action": "update_contact", "params": {"title": "Customer"}}
    make_trigger(make_agent("Namer", step), "contact_created")
    program.execute(INSERT, [acme.pk])
    run_everything_due()
    types = Event.objects.order_by("id").values_list("type", "source", "depth")
    assert [one for one in types if one[0].startswith("contact")] == [
        ("contact_created", "database", 0),
        ("contact_updated", "crm", 1),
    ]
