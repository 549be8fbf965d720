"""Conditions in words: what cannot be judged is refused, what is probably not meant is doubted."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from agents.models import Agent
from crm.models import Workspace
from tests.stories import MakeAgent
from triggers import condition_fields, conditions
from triggers.problems import InvalidTrigger

ASKED: dict[str, Any] = {
    "type": "llm",
    "description": "The message asks for prices.",
    "context_fields": ["form.fields.message"],
}
URL = "/api/v1/triggers/validate-conditions"


def example(given: Any, expected: bool = True) -> dict[str, Any]:
    return {"input": given, "expected": expected}


@pytest.mark.parametrize(
    "words",
    ["it is good", "Is this right?", "x", "It really seems to be the best!", "the event matches"],
)
def test_words_that_say_nothing_are_refused(words: str) -> None:
    with pytest.raises(InvalidTrigger) as caught:
        condition_fields.read({**ASKED, "description": words})
    assert list(caught.value.problems) == ["conditions.description"]
    assert "such as" in str(caught.value)


@pytest.mark.parametrize(
    "words",
    ["sounds urgent", "Looks like a sales inquiry", "email is from a new customer", "Es klingt dringend", "紧急"],
)  # fmt: skip
def test_words_that_say_something_are_taken(words: str) -> None:
    assert condition_fields.read({**ASKED, "description": words})[1] == []


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({**ASKED, "examples": [example("How much?"), example("How much?", False)]},
         "conditions.examples[1].expected"),
        ({**ASKED, "examples": [example({"form": {"fields": {"message": "a"}}}),
                                example({"form.fields.message": "a"}, False)]},
         "conditions.examples[1].expected"),
        ({**ASKED, "examples": [example({"message": "a"})]}, "conditions.examples[0].input"),
        ([{"field": "a", "operator": "exists"}, {**ASKED, "description": "ok"}],
         "conditions[1].description"),
        ({"type": "combined", "logic": "OR", "conditions": [{**ASKED, "description": "ok"}]},
         "conditions.conditions[0].description"),
    ],
    ids=["a text", "two ways to write the same", "nothing is seen", "in a list", "in a tree"],
)  # fmt: skip
def test_what_can_never_be_right_is_told_at_its_place(given: Any, path: str) -> None:
    with pytest.raises(InvalidTrigger) as caught:
        condition_fields.read(given)
    assert list(caught.value.problems) == [path]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"context_fields": ["form.fields.message", "contact.email"], "examples": [example("Hi")]},
         "give an object with form.fields.message, contact.email"),
        ({"context_fields": ["form.fields.message", "contact.email"],
          "examples": [example({"contact": {"email": "a@b.c"}})]},
         "It lacks form.fields.message"),
        ({"context_fields": ["deal.name", "deal.name"]}, "deal.name is listed twice"),
        ({"examples": [example("Hi"), example("Hi")]}, "the same as example 1"),
        ({"description": "deal.value is large for what form.fields.message says"},
         "speaks of deal.value"),
    ],
    ids=["text of several", "lacks one", "field twice", "example twice", "field not shown"],
)  # fmt: skip
def test_what_is_probably_not_meant_is_a_warning(fields: dict[str, Any], said: str) -> None:
    (warning,) = condition_fields.read({**ASKED, **fields})[1]
    assert said in warning


def test_no_doubt_without_a_reason() -> None:
    words = "The message names triggerfish.example, e.g. in form.fields.message."
    given = {**ASKED, "description": words, "examples": [example("Hi"), example("No", False)]}
    assert condition_fields.read([given, {**given, "description": "It is urgent."}])[1] == []
    assert len(condition_fields.read([given, given])[1]) == 1, "asked twice"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("Hi", {"form.fields.message": "Hi"}),
        ({"form": {"fields": {"message": "Hi", "age": 5}}}, {"form.fields.message": "Hi"}),
        ({"form.fields.message": "Hi"}, {"form.fields.message": "Hi"}),
        ({"data": {"form": {"fields": {"message": "Hi"}}}}, {"form.fields.message": "Hi"}),
        (None, {"form.fields.message": None}),
    ],
)
def test_an_example_is_written_as_one_likes(given: Any, shown: dict[str, Any]) -> None:
    question = conditions.questions(conditions.parse(ASKED))[0]
    assert conditions.seen(question, given) == shown


def test_a_whole_event_is_seen_where_no_field_is_chosen() -> None:
    question = conditions.questions(conditions.parse({**ASKED, "context_fields": []}))[0]
    assert conditions.seen(question, {"a": 1}) == {"a": 1}
    assert conditions.seen(question, ["a"]) == {"input": ["a"]}


def told(api: APIClient, **body: Any) -> tuple[int, Any]:
    answer = api.post(URL, {"conditions": ASKED, **body})
    return answer.status_code, answer.json()


def test_a_model_must_be_set_up(
    api: APIClient, acme: Workspace, make_agent: MakeAgent, other: Workspace
) -> None:
    agent: Agent = make_agent("Reader")
    status, answer = told(api)
    assert (status, len(answer["warnings"])) == (200, 1), "the agent is not known"
    status, answer = told(api, agent_id=str(agent.pk))
    assert (status, answer["error_code"]) == (400, "invalid_conditions")
    assert "default model" in answer["details"]["conditions.model"][0]
    agent.model = "nobody:big"
    agent.save()
    status, answer = told(api, agent_id=str(agent.pk))
    assert "Add it in the admin" in answer["details"]["conditions.model"][0]
    acme.default_model = "offline:rules"
    acme.save()
    assert told(api) == (200, {"valid": True, "canonical": answer_of(ASKED), "warnings": []})
    assert told(api, agent_id=str(make_agent("Her", workspace=other).pk))[0] == 400


def answer_of(tree: dict[str, Any]) -> dict[str, Any]:
    return conditions.canonical(tree)
