"""Somebody new: a contact is created, and agents that wait for one run with it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis
from django.conf import settings
from django.db import transaction

from crm.models import Contact, Note, Workspace
from executions.models import Execution, Status
from tests.stories import MakeAgent, MakeTrigger
from triggers.models import Event

pytestmark = pytest.mark.django_db(transaction=True)
Run = Callable[[], None]
GREET = {
    "action": "create_note",
    "params": {"text": "Welcome @contact.first_name <@contact.email>"},
}


def test_the_agent_runs_with_the_contact(
    acme: Workspace, make_agent: MakeAgent, make_trigger: MakeTrigger, run_everything_due: Run
) -> None:
    make_trigger(make_agent("Greeter", GREET), "contact_created")
    contact = Contact.objects.create(workspace=acme, first_name="Ann", email="ann@example.org")
    run_everything_due()
    execution = Execution.objects.get()
    assert (execution.status, execution.trigger_type) == (
        Status.COMPLETED,
        "event: contact_created",
    )
    note = Note.objects.get()
    assert (note.text, note.contact_id) == ("Welcome Ann <ann@example.org>", contact.pk)


def test_all_agents_that_match_run_each_on_its_own(
    acme: Workspace, make_agent: MakeAgent, make_trigger: MakeTrigger, run_everything_due: Run
) -> None:
    bad = {"action": "update_contact", "params": {"title": "@contact.no_such_field"}}
    for name, step in (("One", GREET), ("Broken", bad), ("Two", GREET)):
        make_trigger(make_agent(name, step), "contact_created")
    Contact.objects.create(workspace=acme, first_name="Ann")
    run_everything_due()
    outcomes = dict(Execution.objects.values_list("agent_name", "status"))
    assert outcomes == {"One": Status.COMPLETED, "Broken": Status.FAILED, "Two": Status.COMPLETED}
    assert Note.objects.count() == 2
    assert Event.objects.get(type="contact_created").executions_count == 3


def test_a_paused_agent_does_not_run_and_the_event_is_kept(
    acme: Workspace, make_agent: MakeAgent, make_trigger: MakeTrigger, run_everything_due: Run
) -> None:
    make_trigger(make_agent("Greeter", GREET, status="paused"), "contact_created")
    Contact.objects.create(workspace=acme, first_name="Ann")
    run_everything_due()
    execution = Execution.objects.get()
    assert (execution.status, execution.get_reason_display()) == (Status.SKIPPED, "Agent paused")
    assert not Note.objects.exists()
    assert Event.objects.get().type == "contact_created"


def test_what_is_rolled_back_never_happened(
    acme: Workspace, make_agent: MakeAgent, make_trigger: MakeTrigger, run_everything_due: Run
) -> None:
    make_trigger(make_agent("Greeter", GREET), "contact_created")
    with transaction.atomic():
        Contact.objects.create(workspace=acme, first_name="Ann")
        transaction.set_rollback(True)
    run_everything_due()
    assert not Event.objects.exists()
    assert not Execution.objects.exists()


def test_a_bulk_import_makes_one_event_each(
    acme: Workspace, make_agent: MakeAgent, make_trigger: MakeTrigger, run_everything_due: Run
) -> None:
    unlimited = {"max_executions_per_minute": None, "max_executions_per_day": None}
    make_trigger(make_agent("Greeter", GREET, restrictions=unlimited), "contact_created")
    Contact.objects.bulk_create(
        Contact(workspace=acme, first_name=f"P{n}", email=f"p{n}@example.org") for n in range(50)
    )
    run_everything_due()
    assert Execution.objects.filter(status=Status.COMPLETED).count() == 50
    assert set(Event.objects.values_list("payload__triggered_by", flat=True)) == {"system"}


def test_fifty_at_once_wait_their_turn(
    acme: Workspace, make_agent: MakeAgent, make_trigger: MakeTrigger, run_everything_due: Run
) -> None:
    make_trigger(make_agent("Greeter", GREET), "contact_created")
    Contact.objects.bulk_create(Contact(workspace=acme, first_name=f"P{n}") for n in range(50))
    run_everything_due()
    assert Execution.objects.filter(status=Status.COMPLETED).count() == 10
    assert Execution.objects.filter(status=Status.QUEUED).count() == 40


def test_redis_may_be_wiped_between_commit_and_run(
    acme: Workspace, make_agent: MakeAgent, make_trigger: MakeTrigger, run_everything_due: Run
) -> None:
    make_trigger(make_agent("Greeter", GREET), "contact_created")
    Contact.objects.create(workspace=acme, first_name="Ann")
    redis.Redis.from_url(settings.REDIS_URL).flushdb()
    run_everything_due()
    assert Execution.objects.get().status == Status.COMPLETED
