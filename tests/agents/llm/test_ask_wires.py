"""The door to language models, against servers that speak the wires of OpenAI, Anthropic and Google, well and badly."""

from __future__ import annotations

from typing import Any

import pytest

from agents import llm
from agents.actions import ActionFailed, HostAway
from agents.llm import Tool, Unusable, Usage
from crm.models import Workspace
from tests.agents.llm.asking import SCORE, ask
from tests.agents.models import MakeProvider
from tests.agents.modelserver import Fault, ModelServer, Say

pytestmark = pytest.mark.django_db(transaction=True)

WIRES = ("openai-compatible", "openai", "openai-chat", "anthropic", "google")
SYSTEM = ("system", "instructions", "systemInstruction")
NOTE = Tool(
    "create_note",
    "Writes a note.",
    {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
)


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


def test_an_answer_that_was_cut_off_is_none(acme: Workspace, brain: ModelServer, wire: str) -> None:
    brain.say(Say("And then", finish="length"))
    with pytest.raises(Unusable, match="cut off"):
        ask(acme)


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
