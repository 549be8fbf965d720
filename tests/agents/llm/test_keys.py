"""What says who asks: a workspace's own key goes to its own address, and nothing of the server's environment does."""

from __future__ import annotations

import asyncio

import pytest

from agents import llm
from agents.llm import Question
from crm.models import Workspace
from tests.agents.models import MakeProvider
from tests.agents.modelserver import ModelServer, Say

pytestmark = pytest.mark.django_db(transaction=True)

OURS = "server-canary-0123456789"
KEYS = (
    *("OLLAMA_API_KEY", "VLLM_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"),
    *("ANTHROPIC_AUTH_TOKEN", "GOOGLE_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"),
)
HEADERS = f"X-Gateway: {OURS}\nAuthorization: Bearer {OURS}\nx-api-key: {OURS}"


@pytest.mark.parametrize(
    "kind, key",
    [
        *(("ollama", ""), ("vllm", ""), ("openai-compatible", "")),
        *(("ollama", "mine-01"), ("openai", "mine-02"), ("openai-chat", "mine-03")),
        *(("anthropic", "mine-04"), ("google", "mine-05")),
        ("openai-compatible", "mine-06"),
    ],
)
def test_keys_of_the_server_do_not_leave_for_an_address_of_a_workspace(
    acme: Workspace,
    brain: ModelServer,
    make_provider: MakeProvider,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    key: str,
) -> None:
    for name in KEYS:
        monkeypatch.setenv(name, OURS)
    for name in ("OPENAI_CUSTOM_HEADERS", "ANTHROPIC_CUSTOM_HEADERS"):
        monkeypatch.setenv(name, HEADERS)
    make_provider("theirs", kind=kind, api_key=key)
    brain.say(Say("Hello."))
    messages = [llm.data({"contact": "Ann"})]
    question = Question(acme.pk, "theirs:small", "Judge.", messages, seconds=90)
    assert asyncio.run(llm.ask(question)).text == "Hello."
    assert OURS not in str(brain.heads[-1])
    assert key in str(brain.heads[-1])
    assert brain.keys[-1].removeprefix("Bearer ") == key
