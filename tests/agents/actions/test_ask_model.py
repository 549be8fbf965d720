"""Asking a language model in a step."""

from __future__ import annotations

from typing import Any

import pytest

from agents.actions import ActionFailed
from crm.models import Workspace
from tests.agents.models import MakeProvider
from tests.agents.modelserver import ModelServer, Say
from tests.agents.scenes import perform, problems, scene

pytestmark = pytest.mark.django_db(transaction=True)

SCORED = {"type": "object", "properties": {"score": {"type": "integer"}}, "required": ["score"]}


def test_answers_a_text_or_fields_and_says_what_it_took(
    acme: Workspace, brain: ModelServer, make_provider: MakeProvider
) -> None:
    make_provider()
    where = scene(acme, model="local:small", instructions="Be short.", contact={"company": "Sea"})
    assert perform("ask_model", where, prompt="What is @contact.company?") == "Fine."
    tokens = {"input_tokens": 11, "output_tokens": 7}
    assert where.usage == {"model": "local:small", **tokens, "cost": None}
    assert brain.asked[0]["messages"][0]["content"] == "Be short.\n\nWhat is «contact.company»?"

    brain.say(Say(calls=[("answer", {"score": 5})]))
    assert perform("ask_model", where, prompt="Score it.", output_schema=SCORED) == {"score": 5}


def test_a_step_may_name_its_own_model(
    acme: Workspace, brain: ModelServer, make_provider: MakeProvider
) -> None:
    make_provider()
    where = scene(acme, model="offline:rules")
    assert perform("ask_model", where, prompt="x", model="local:big") == "Fine."
    assert brain.asked[0]["model"] == "big"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"prompt": "x"}, "Which model"),
        ({"prompt": "", "model": "offline:rules"}, "prompt is empty"),
        ({"prompt": "@contact.name", "model": "offline:rules"}, "no @contact.name"),
        ({"prompt": "x", "model": "nobody:x"}, "no model provider"),
    ],
    ids=["no-model", "no-prompt", "unknown-variable", "unknown-provider"],
)
def test_what_cannot_be_asked(acme: Workspace, given: dict[str, Any], said: str) -> None:
    with pytest.raises(ActionFailed, match=said):
        perform("ask_model", scene(acme), **given)


def test_checked_on_save(acme: Workspace) -> None:
    assert problems("ask_model", acme, prompt="x", model="gpt").keys() == {"model"}
    assert problems("ask_model", acme, prompt="x", output_schema={"a": 1}).keys() == {
        "output_schema"
    }
    assert problems("ask_model", acme, prompt="x", model="@inputs.model") == {}
