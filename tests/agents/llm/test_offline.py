"""`offline:rules` answers without a language model, always the same, and says so."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from agents import llm
from agents.llm import Question, Tool, offline
from crm.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)

TOPIC = {
    "type": "object",
    "properties": {
        "topic": {"type": "string", "enum": ["prices", "a_demo", "other"]},
        "is_urgent": {"type": "boolean"},
        "company": {"type": "string"},
        "value": {"type": "number", "minimum": 0, "maximum": 100},
        "tags": {"type": "array", "items": {"type": "string"}},
        "summary": {"type": "string", "maxLength": 80},
    },
    "required": ["topic", "is_urgent", "company", "value", "tags", "summary"],
    "additionalProperties": False,
}


def ask(workspace: Workspace, fields: dict[str, Any], **more: Any) -> llm.Answer:
    given = {"instructions": "What is it about?", "messages": [llm.data(fields)], **more}
    question = Question(workspace_id=workspace.pk, model="offline:rules", **given)

    async def asked() -> llm.Answer:
        return await llm.ask(question)

    return asyncio.run(asked())


def test_a_text_says_what_it_is_and_quotes_the_data(acme: Workspace) -> None:
    answer = ask(acme, {"form": {"fields": {"message": "Please send me your prices."}}})
    assert answer.text.startswith(offline.LABEL)
    assert "Please send me your prices." in answer.text
    assert answer == ask(acme, {"form": {"fields": {"message": "Please send me your prices."}}})


def test_fields_are_filled_by_rules_and_fit(acme: Workspace) -> None:
    fields = {"contact": {"company": "Acme"}, "form": {"message": "We want a demo.", "value": 500}}
    value = ask(acme, fields, schema=TOPIC).value
    assert value["topic"] == "a_demo"
    assert value["company"] == "Acme"
    assert value["value"] == 100
    assert value["tags"] == []
    assert value["is_urgent"] is False


def test_what_may_be_null_is_never_made_up(acme: Workspace) -> None:
    kinds = {
        "amount": "number",
        "place": "string",
        "count": "integer",
        "is_new": "boolean",
        "parts": "array",
    }
    properties: dict[str, Any] = {name: {"type": [kind, "null"]} for name, kind in kinds.items()}
    properties["other"] = {"anyOf": [{"type": "string", "pattern": "x"}, {"type": "null"}]}
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    told = {"amount": "five", "count": 5.5, "message": "is_new amount place"}
    value = ask(acme, told, schema=schema).value
    assert value == dict.fromkeys(properties)
    known = {"amount": 5, "place": "Oslo", "count": 7, "is_new": False}
    found = ask(acme, known, schema=schema).value
    assert {name: found[name] for name in known} == known


def test_each_tool_is_asked_for_once(acme: Workspace) -> None:
    note = Tool(
        "create_note",
        "",
        {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
    )
    (call,) = ask(acme, {"message": "Hello there"}, tools=[note]).calls
    assert call.name == "create_note"
    assert "Hello there" in call.arguments["text"]
    messages = [
        llm.data({"message": "Hello there"}),
        {
            "role": "assistant",
            "text": "",
            "calls": [{"id": "1", "name": "create_note", "arguments": {}}],
        },
        {"role": "tool", "id": "1", "name": "create_note", "content": {}},
    ]
    assert not ask(acme, {}, tools=[note], messages=messages).calls


def test_nothing_heavy_is_imported_for_it() -> None:
    """A web process or a worker that asks no model stays small."""
    script = (
        "import os, sys, django; os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'config.settings'); django.setup();"
        "import agents.llm, agents.runner, config.asgi;"
        "print([name for name in ('pydantic_ai', 'openai', 'anthropic', 'httpx2', 'mcp') if name in sys.modules])"
    )
    import subprocess

    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"
