"""What a model says when it drafts: the arguments of its answer."""

from __future__ import annotations

import copy
from typing import Any

from agents.llm import ANSWER
from tests.agents.modelserver import Say

DESCRIPTION = "When a deal above 10,000 is won, thank the contact and tell sales@acme.example."
RULES = [
    {"field": "new_stage", "operator": "equals", "value": "Closed Won"},
    {"field": "deal.value", "operator": "greater_than", "value": 10000},
]
GOOD: dict[str, Any] = {
    "agent": {
        "name": "Thank the contact",
        "steps": [
            {
                "action": "send_email",
                "params": {
                    "to": "@contact.email",
                    "subject": "Thank you",
                    "body": "Hello @contact.first_name!",
                },
            },
            {
                "action": "send_email",
                "params": {
                    "to": "sales@acme.example",
                    "subject": "Won: @deal.name",
                    "body": "@deal.value @deal.currency",
                },
            },
        ],
    },
    "trigger": {
        "name": "Big deal won",
        "trigger_type": "event",
        "config": {"event_type": "deal_stage_updated"},
        "conditions": {"type": "rule", "logic": "AND", "rules": RULES},
    },
    "explanation": "Thanks the contact and tells sales.",
    "questions": [],
}


def good(**changes: Any) -> dict[str, Any]:
    """A draft with nothing wrong; `changes` by path: `agent__name="x"`."""
    value = copy.deepcopy(GOOD)
    for path, new in changes.items():
        *way, last = path.split("__")
        inner: Any = value
        for part in way:
            inner = inner[part]
        inner[last] = new
    return value


def answer(value: Any) -> Say:
    return Say(calls=[(ANSWER, value)], input_tokens=900, output_tokens=200)
