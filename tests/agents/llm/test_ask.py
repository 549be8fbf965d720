"""The door to language models, against servers that speak the wires of OpenAI, Anthropic and Google, well and badly."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from agents import llm
from agents.actions import ActionFailed, HostAway
from agents.addresses import NotAllowed
from agents.llm import Question, Tool, Unusable, Usage, providers
from agents.models import FailingHost
from config.lib import threads
from crm.models import Workspace
from tests.agents.models import MakeProvider
from tests.agents.modelserver import Fault, ModelServer, Say

pytestmark = pytest.mark.django_db(transaction=True)

WIRES = ("openai-compatible", "openai", "openai-chat", "anthropic", "google")
SYSTEM = ("system", "instructions", "systemInstruction")
SCORE = {
    "type": "object",
    "properties": {"score": {"type": "integer", "minimum": 0, "maximum": 10}},
    "required": ["score"],
    "additionalProperties": False,
}
NOTE = Tool(
    "create_note",
    "Writes a note.",
    {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
)


def ask(workspace: Workspace, *, tell: Any = None, **fields: Any) -> llm.Answer:
    question = Question(
        **{
            "workspace_id": workspace.pk,
            "model": "local:small",
            "instructions": "Judge.",
            "messages": [llm.data({"contact": {"email": "ann@example.org"}})],
            "seconds": 20,
            **fields,
        }
    )

    async def asked() -> llm.Answer:
        return await llm.ask(question, tell=tell)

    return asyncio.run(asked())


@pytest.fixture(params=WIRES)
def wire(request: pytest.FixtureRequest, make_provider: MakeProvider) -> str:
    make_provider(kind=request.param)
    return str(request.param)


def test_a_text_comes_back_with_its_tokens(acme: Workspace, brain: ModelServer, wire: str) -> None:
    brain.say(Say("A fine lead.", input_tokens=120, output_tokens=9))
    answer = ask(acme)
    assert answer.text == "A fine lead."
    assert answer.usage == Usage(120, 9)
    assert answer.model == "local:small"


def test_the_key_goes_along_and_data_stays_apart_from_instructions(
    acme: Workspace, brain: ModelServer, wire: str
) -> None:
    ask(acme, instructions="Only judge.")
    assert "sk-canary-0123456789" in brain.keys[0]
    body = brain.asked[0]
    told: Any = body.get("messages") or body.get("input") or body.get("contents")
    assert "ann@example.org" in str(told)
    system = next(filter(None, map(body.get, SYSTEM)), told[0])
    assert "Only judge." in str(system)
    assert "ann@example.org" not in str(system)


def test_a_text_is_told_while_it_is_written(acme: Workspace, brain: ModelServer, wire: str) -> None:
    brain.say(Say("One two three four five six seven eight."))
    heard: list[str] = []
    answer = ask(acme, tell=heard.append)
    assert answer.text == heard[-1] == "One two three four five six seven eight."
    assert len(heard) > 2
    assert answer.usage == Usage(11, 7)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_tools_are_offered_and_asked_for(
    acme: Workspace, brain: ModelServer, wire: str, streamed: bool
) -> None:
    brain.say(Say("Let me see.", calls=[("create_note", {"text": "Hi"})]))
    answer = ask(acme, tools=[NOTE], tell=(lambda _text: None) if streamed else None)
    (call,) = answer.calls
    assert (call.name, call.arguments, call.problem) == ("create_note", {"text": "Hi"}, "")
    assert "create_note" in str(brain.asked[0]["tools"])


def test_a_conversation_goes_on_after_a_tool(
    acme: Workspace, brain: ModelServer, wire: str
) -> None:
    brain.say(Say("Done."))
    said = {
        "text": "",
        "calls": [{"id": "call_1", "name": "create_note", "arguments": {"text": "x"}}],
    }
    messages = [
        llm.data({"a": 1}),
        {"role": "assistant", **said},
        {
            "role": "tool",
            "id": "call_1",
            "name": "create_note",
            "content": {"result": "written-77"},
        },
    ]
    assert ask(acme, tools=[NOTE], messages=messages).text == "Done."
    assert "written-77" in str(brain.asked[0])


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_typed_answer_fits_its_schema(
    acme: Workspace, brain: ModelServer, wire: str, streamed: bool
) -> None:
    brain.say(Say(calls=[("answer", {"score": 7})]))
    answer = ask(acme, schema=SCORE, tell=(lambda _text: None) if streamed else None)
    assert answer.value == {"score": 7}
    assert answer.calls == ()


@pytest.mark.parametrize(
    "reply",
    [
        Say(calls=[("answer", {"score": "seven"})]),
        Say(calls=[("answer", {"score": 70})]),
        Say(calls=[("answer", {})]),
        Say("Seven, I would say."),
        Say("[1, 2]"),
        Say(""),
    ],
    ids=["type", "range", "missing", "prose", "list", "empty"],
)
def test_an_answer_that_does_not_fit_is_none(
    acme: Workspace, brain: ModelServer, make_provider: MakeProvider, reply: Say
) -> None:
    make_provider()
    brain.say(reply)
    with pytest.raises(Unusable):
        ask(acme, schema=SCORE)


def test_json_written_as_text_counts_where_it_fits(
    acme: Workspace, brain: ModelServer, make_provider: MakeProvider
) -> None:
    make_provider()
    brain.say(Say('```json\n{"score": 3}\n```'))
    assert ask(acme, schema=SCORE).value == {"score": 3}


def test_an_answer_that_was_cut_off_is_none(acme: Workspace, brain: ModelServer, wire: str) -> None:
    brain.say(Say("And then", finish="length"))
    with pytest.raises(Unusable, match="cut off"):
        ask(acme)


AT_FAULT = {
    Fault.TOO_MANY: "429",
    Fault.SERVER_ERROR: "500",
    Fault.RESET: "broke off",
    Fault.HALF: "broke off",
    Fault.SILENT: "did not answer within 2 s",
    Fault.DRIP: "did not answer within 2 s",
}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("fault", list(AT_FAULT))
@pytest.mark.parametrize("kind", ["openai-compatible", "openai", "anthropic", "google"])
def test_a_fault_of_the_provider_is_worth_another_try_and_ends_in_time(
    acme: Workspace,
    brain: ModelServer,
    make_provider: MakeProvider,
    kind: str,
    fault: Fault,
    streamed: bool,
) -> None:
    make_provider(kind=kind)
    brain.say(fault)
    began = time.monotonic()
    with pytest.raises(ActionFailed, match=AT_FAULT[fault]) as caught:
        ask(acme, seconds=2, tell=(lambda _text: None) if streamed else None)
    assert time.monotonic() - began < 15
    assert caught.value.retryable
    assert caught.value.host == brain.host
    assert "sk-canary" not in str(caught.value)
    assert len(brain.asked) == 1, "nobody down there tries again"
    if fault is Fault.TOO_MANY:
        assert caught.value.retry_after == 7


@pytest.mark.parametrize("fault", [Fault.UNAUTHORISED, Fault.BAD_REQUEST])
def test_a_fault_of_ours_is_not_tried_again(
    acme: Workspace, brain: ModelServer, wire: str, fault: Fault
) -> None:
    brain.say(fault)
    with pytest.raises(ActionFailed, match="stub says") as caught:
        ask(acme)
    assert not caught.value.retryable
    assert not caught.value.host


@pytest.mark.parametrize("fault", [Fault.HUGE, Fault.NONSENSE])
def test_what_cannot_be_read_is_no_answer(
    acme: Workspace, brain: ModelServer, wire: str, fault: Fault
) -> None:
    brain.say(fault)
    with pytest.raises(ActionFailed) as caught:
        ask(acme)
    assert not isinstance(caught.value, HostAway)


def test_the_breaker_opens_after_failures_in_a_row_and_spares_the_provider(
    acme: Workspace, brain: ModelServer, make_provider: MakeProvider, settings: Any
) -> None:
    settings.HOST_FAILURES = 2
    make_provider()
    brain.say(Fault.SERVER_ERROR)
    for _ in range(2):
        with pytest.raises(ActionFailed):
            ask(acme)
    assert FailingHost.objects.get().open_until is not None
    with pytest.raises(HostAway):
        ask(acme)
    assert len(brain.asked) == 2


def test_a_private_address_needs_the_operator(
    acme: Workspace, brain: ModelServer, make_provider: MakeProvider, settings: Any
) -> None:
    settings.OUTBOUND_ALLOW = []
    make_provider()
    with pytest.raises(ActionFailed, match="OUTBOUND_ALLOW"):
        ask(acme)
    assert brain.asked == []


def test_tests_ask_nobody_outside(acme: Workspace, make_provider: MakeProvider) -> None:
    make_provider(base_url="https://93.184.216.34/v1")
    with pytest.raises(NotAllowed):
        ask(acme)


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
