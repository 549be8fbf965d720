"""A contact writes; a model judges whether the message is for the agent; it runs, or the reason is there to read."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from crm.models import Note, Workspace
from executions.models import Execution, Reason, Status
from tests.agents.models import MakeProvider
from tests.agents.modelserver import ModelServer
from tests.executions.judging.judged import ASKS, both, contact, rule, says
from tests.stories import MakeAgent, MakeTrigger

pytestmark = pytest.mark.django_db(transaction=True)


def test_who_asks_for_prices_gets_a_note_and_who_says_hello_does_not(
    acme: Workspace,
    brain: ModelServer,
    make_provider: MakeProvider,
    make_agent: MakeAgent,
    make_trigger: MakeTrigger,
    run_everything_due: Callable[[], None],
) -> None:
    make_provider()
    note = {"action": "create_note", "params": {"text": "@contact.first_name asks for prices"}}
    conditions = both(rule("contact.first_name", "equals", "Ann"), ASKS)
    make_trigger(make_agent("Seller", note), "contact_created", conditions=conditions)
    brain.think = lambda body: says("cost" in str(body["messages"][1:]), reason="By the message.")

    contact(acme, "What does it cost?")  # Ann asks
    contact(acme, "Hello!")  # Ann says hello
    contact(acme, "What does it cost?")  # and once more
    run_everything_due()

    assert [note.text for note in Note.objects.all()] == ["Ann asks for prices"] * 2
    hello = Execution.objects.get(status=Status.SKIPPED)
    assert (hello.reason, hello.error_message) == (Reason.CONDITION_FALSE, "By the message.")
    assert len(brain.asked) == 2, "the same words were asked about once"
