"""Examples of conditions in words in the admin: tried before a trigger is saved, shown there, tried by a button."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from agents.models import Agent
from crm.models import Workspace
from executions import trying
from tests.agents.models import MakeProvider
from tests.agents.modelserver import Fault, ModelServer, Say
from tests.executions.admin.conftest import _agent
from tests.executions.admin.pages import url
from tests.executions.admin.test_trigger_form import filled
from triggers.models import ConditionTrial, Trigger

pytestmark = pytest.mark.django_db(transaction=True)

ASKED = {
    "type": "llm",
    "description": "The message asks for prices <b>now</b>.",
    "context_fields": ["deal.name"],
    "examples": [{"input": "What does <i>it</i> cost?", "expected": True}],
}
EVENT = {"event_type": "deal_stage_updated"}


def verdict(match: bool) -> Say:
    said = {"match": match, "reason": "<u>Because</u>", "evidence": "", "confidence": 0.9}
    return Say(calls=[("answer", said)])


@pytest.fixture
def agent(acme: Workspace, make_provider: MakeProvider) -> Agent:
    make_provider()
    agent = _agent(acme)
    agent.model = "local:small"
    agent.save()
    return agent


def test_a_trigger_is_tried_saved_and_shown(ann: Client, agent: Agent, brain: ModelServer) -> None:
    brain.say(verdict(True))
    answer = ann.post(url(Trigger, "add"), filled(agent, conditions=ASKED, config=EVENT))
    assert answer.status_code == 302, answer.context["errors"]
    trigger = Trigger.objects.visible().get()
    assert trigger.enabled
    assert ConditionTrial.objects.get().passed == 1
    assert len(brain.asked) == 1, "the page is checked twice and the model asked once"
    page = ann.get(url(Trigger, "change", trigger.pk)).content.decode()
    assert "1 of 1 are right" in page
    assert "&lt;u&gt;Because&lt;/u&gt;" in page
    assert "<u>Because" not in page
    assert "<i>it" not in page
    listed = ann.get(url(Trigger, "changelist")).content.decode()
    assert "pass" in listed


def test_what_fails_is_told_at_its_place(ann: Client, agent: Agent, brain: ModelServer) -> None:
    brain.say(verdict(False))
    answer = ann.post(url(Trigger, "add"), filled(agent, conditions=ASKED, config=EVENT))
    assert answer.status_code == 200
    (error,) = answer.context["adminform"].form.errors.as_data()["conditions"]
    assert error.params == {"path": "examples[0]"}
    assert "Expected yes, local:small said no" in str(error)
    assert not Trigger.objects.visible().exists()


def test_a_model_that_is_away_leaves_it_paused(
    ann: Client, agent: Agent, brain: ModelServer
) -> None:
    brain.say(Fault.SERVER_ERROR)
    ann.post(url(Trigger, "add"), filled(agent, conditions=ASKED, config=EVENT))
    trigger = Trigger.objects.visible().get()
    assert (trigger.enabled, trigger.waits_for_examples) == (False, True)
    page = ann.get(url(Trigger, "change", trigger.pk)).content.decode()
    assert "listens by itself as soon as" in page
    do = url(Trigger, "change", trigger.pk).removesuffix("change/") + "do/"
    ann.post(f"{do}enable/")
    trigger.refresh_from_db()
    assert not trigger.enabled
    brain.say(verdict(True))
    told = ann.post(f"{do}try_examples/", follow=True).content.decode()
    assert "1 of 1 examples are right" in told
    trigger.refresh_from_db()
    assert trigger.enabled, "it waited for this"


def test_enabling_tries_first(ann: Client, agent: Agent, brain: ModelServer) -> None:
    sent = filled(agent, conditions=ASKED, config=EVENT)
    del sent["enabled"]
    ann.post(url(Trigger, "add"), sent)
    trigger = Trigger.objects.visible().get()
    do = url(Trigger, "change", trigger.pk).removesuffix("change/") + "do/enable/"
    brain.say(verdict(False))
    told = ann.post(do, follow=True).content.decode()
    assert "Expected yes, local:small said no" in told
    brain.say(verdict(True))
    trying.try_now(trigger)
    ann.post(do)
    trigger.refresh_from_db()
    assert trigger.enabled


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"description": "it is good"}, "description"),
        ({"model": "nobody:big"}, "model"),
        ({"examples": [{"input": {"a": 1}, "expected": True}]}, "examples[0].input"),
    ],
)
def test_problems_stand_at_their_place(
    ann: Client, agent: Agent, brain: ModelServer, fields: dict[str, Any], path: str
) -> None:
    given = filled(agent, conditions={**ASKED, **fields}, config=EVENT)
    answer = ann.post(url(Trigger, "add"), given)
    (error,) = answer.context["adminform"].form.errors.as_data()["conditions"]
    assert error.params == {"path": path}
    assert brain.asked == []
