"""One condition in words, asked of a model of this machine."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.db import connections

from agents import llm
from agents.actions import ActionFailed
from config.lib.threads import in_thread
from crm.models import Workspace
from tests.agents.models import MakeProvider
from tests.agents.modelserver import Fault, ModelServer, Say
from triggers import conditions, questions

pytestmark = pytest.mark.django_db(transaction=True)

TREE = {
    "type": "llm",
    "description": "The message asks for prices.",
    "context_fields": ["form.fields.message"],
    "min_confidence": 0.7,
}
FACTS = {"form": {"fields": {"message": "What does it cost?", "email": "ann@example.org"}}}
VERDICT = {"match": True, "reason": "It asks.", "evidence": "cost", "confidence": 0.9}


def question(**fields: Any) -> conditions.Question:
    return conditions.questions(conditions.parse({**TREE, **fields}))[0]


def asked(workspace: Workspace, **fields: Any) -> questions.Opinion:
    async def ask() -> questions.Opinion:
        try:
            return await questions.ask(
                question(**fields), FACTS, workspace_id=workspace.pk, model="local:small"
            )
        finally:
            await in_thread(connections.close_all)

    return asyncio.run(ask())


def test_a_model_answers_with_reason_evidence_and_confidence(
    acme: Workspace, brain: ModelServer, make_provider: MakeProvider
) -> None:
    make_provider()
    brain.say(Say(calls=[("answer", VERDICT)]))
    opinion = asked(acme)
    assert (opinion.match, opinion.reason, opinion.evidence) == (True, "It asks.", "cost")
    assert opinion.confidence == 0.9
    assert opinion.usage.input_tokens == 11
    assert not opinion.is_unsure(question())
    assert opinion.is_unsure(question(min_confidence=0.95))
    system, data = brain.asked[0]["messages"]
    assert "The message asks for prices." in system["content"]
    assert "What does it cost?" in data["content"]
    assert "ann@example.org" not in str(brain.asked), "only the chosen fields are sent"


@pytest.mark.parametrize(
    "said",
    [
        Say("Yes, it matches."),
        Say(calls=[("answer", {"match": True})]),
        Say(calls=[("answer", {**VERDICT, "match": "true"})]),
        Say(calls=[("answer", {**VERDICT, "confidence": 7})]),
        Say(calls=[("answer", {**VERDICT, "run": True})]),
        Say('{"match": true}'),
    ],
    ids=["words", "half", "a text for true", "too sure", "more than asked", "half as text"],
)
def test_what_does_not_fit_is_never_a_yes(
    acme: Workspace, brain: ModelServer, make_provider: MakeProvider, said: Say
) -> None:
    make_provider()
    brain.say(said)
    with pytest.raises(llm.Unusable):
        asked(acme)


def test_a_provider_that_fails_is_worth_another_try(
    acme: Workspace, brain: ModelServer, make_provider: MakeProvider
) -> None:
    make_provider()
    brain.say(Fault.SERVER_ERROR)
    with pytest.raises(ActionFailed) as caught:
        asked(acme)
    assert caught.value.retryable


def test_what_we_know_of_an_event_is_shown_where_it_is_named() -> None:
    facts = {**FACTS, "_event": {"source": "webhook", "verified": False}}
    assert questions.shown(question(context_fields=[]), facts) == FACTS
    named = question(context_fields=["_event.verified"])
    assert questions.shown(named, facts) == {"_event.verified": False}


def test_the_fingerprint_is_of_what_is_shown_and_asked() -> None:
    same = questions.fingerprint(question(), FACTS, model="a:b")
    other = {"form": {"fields": {"message": "What does it cost?", "email": "bob@example.org"}}}
    assert questions.fingerprint(question(), other, model="a:b") == same
    assert questions.fingerprint(question(), FACTS, model="a:c") != same
    assert questions.fingerprint(question(description="It asks."), FACTS, model="a:b") != same


@pytest.mark.parametrize(
    ("fields", "path"),
    [({"model": "gpt"}, "model"), ({"model": 7}, "model"), ({"min_confidence": 1.1}, "min_confidence"),
     ({"min_confidence": True}, "min_confidence")],
)  # fmt: skip
def test_model_and_confidence_are_checked(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(conditions.InvalidConditions) as caught:
        question(**fields)
    assert [problem.path for problem in caught.value.problems] == [path]


def test_the_tree_says_what_was_given() -> None:
    tree = {**TREE, "examples": [], "model": "local:small"}
    assert conditions.canonical(tree) == tree
    assert "model" not in conditions.canonical({"type": "llm", "description": "x"})
