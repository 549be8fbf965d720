"""The door to language models, whatever the wire: what is told, what is counted, and who can be asked."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agents import llm
from agents.actions import ActionFailed
from agents.llm import Question, Usage, providers
from config.lib import threads
from crm.models import Workspace
from tests.agents.llm.asking import SCORE, ask
from tests.agents.models import MakeProvider
from tests.agents.modelserver import Fault, ModelServer, Say

pytestmark = pytest.mark.django_db(transaction=True)


def test_json_written_as_text_counts_where_it_fits(
    acme: Workspace, brain: ModelServer, make_provider: MakeProvider
) -> None:
    make_provider()
    brain.say(Say('```json\n{"score": 3}\n```'))
    assert ask(acme, schema=SCORE).value == {"score": 3}


def test_secrets_never_enter_a_prompt(
    acme: Workspace, brain: ModelServer, make_provider: MakeProvider
) -> None:
    make_provider()
    fields = {"note": "my key is k-12345", "password": "hunter2", "text": "fine"}
    ask(
        acme,
        secrets=("k-12345",),
        instructions="Use k-12345.",
        messages=[llm.data(fields, secrets=("k-12345",))],
    )
    told = str(brain.asked[0])
    assert "fine" in told
    assert "k-12345" not in told
    assert "hunter2" not in told


def test_what_a_call_takes_is_reserved_before_and_settled_after(
    acme: Workspace, brain: ModelServer, make_provider: MakeProvider
) -> None:
    make_provider()
    meter = _Meter()
    ask(acme, meter=meter, max_output_tokens=100)
    (reserved,) = meter.reserved
    assert reserved.output_tokens == 100
    assert reserved.input_tokens > 11
    brain.say(Fault.SERVER_ERROR)
    with pytest.raises(ActionFailed):
        ask(acme, meter=meter)
    assert meter.settled == [Usage(11, 7), None]


class _Meter:
    def __init__(self) -> None:
        self.reserved: list[Usage] = []
        self.settled: list[Usage | None] = []

    async def reserve(self, model: str, *, most: Usage) -> str:
        self.reserved.append(most)
        return "ticket"

    async def settle(self, ticket: Any, used: Usage | None) -> None:
        assert ticket == "ticket"
        self.settled.append(used)


def test_fill_answers_a_value_that_fits(
    acme: Workspace, brain: ModelServer, make_provider: MakeProvider
) -> None:
    make_provider()
    brain.say(Say(calls=[("answer", {"score": 4})]))

    async def filled() -> llm.Filled:
        return await llm.fill(
            acme.pk,
            model="local:small",
            instructions="How urgent is it?",
            fields={"message": "Now!"},
            schema=SCORE,
            examples=[({"message": "Some day"}, {"score": 1})],
        )

    found = asyncio.run(filled())
    assert found.value == {"score": 4}
    assert found.usage == Usage(11, 7)
    assert "Some day" in str(brain.asked[0])


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("openai:gpt-5.6", "OPENAI_API_KEY"),
        ("opnai:gpt-5.6", "Did you mean openai:gpt-5.6"),
        ("nobody:any", "no model provider named"),
        ("plain", "provider:model"),
        ("offline:other", "offline:rules"),
        ("ollama:llama", "base URL"),
    ],
    ids=["no-key", "misspelt", "unknown", "no-colon", "offline", "no-url"],
)
def test_a_model_that_cannot_be_asked_says_what_to_do(
    acme: Workspace, model: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variables, _url in providers.KINDS.values():
        for name in variables:
            monkeypatch.delenv(name, raising=False)
    with pytest.raises(providers.NoProvider, match=said):
        ask(acme, model=model)


def test_the_environment_may_hold_the_key(acme: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-env")
    found = providers.find(acme.pk, "openai:gpt-5.6")
    assert (found.kind, found.model, found.host) == ("openai", "gpt-5.6", "api.openai.com:443")


def test_many_are_asked_side_by_side(
    acme: Workspace, brain: ModelServer, make_provider: MakeProvider
) -> None:
    make_provider()
    brain.say(Say("Fine.", delay=1.0))
    question = Question(acme.pk, "local:small", "Judge.", [llm.data({"a": 1})], seconds=60)

    async def all_of_them() -> list[llm.Answer]:
        return await asyncio.gather(*(llm.ask(question) for _ in range(20)))

    assert len(asyncio.run(all_of_them())) == 20
    assert brain.most_at_work > 10
    threads.close()
