"""What an agent may be made of."""

from __future__ import annotations

from typing import Any

import pytest

from agents import validation
from crm.models import Workspace

ACME = Workspace(name="Acme", slug="acme")


def test_all_is_well() -> None:
    fields = {
        "name": "Greeter",
        "description": "",
        "instructions": "Be kind.",
        "model": "any:model",
        "tools": ["create_note"],
        "steps": [{"action": "wait", "params": {"days": 1}}],
        "restrictions": {"max_executions_per_minute": None, "max_attempts": 3},
    }
    assert validation.check(fields, workspace=ACME) == {}
    assert validation.check({}, workspace=ACME) == {}


@pytest.mark.parametrize(
    "fields, path",
    [
        ({"name": ""}, "name"),
        ({"name": "  "}, "name"),
        ({"name": 5}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"description": None}, "description"),
        ({"description": "x" * 5001}, "description"),
        ({"instructions": "a\x00"}, "instructions"),
        ({"model": ["x"]}, "model"),
        ({"tools": "x"}, "tools"),
        ({"tools": ["create_note", ""]}, "tools[1].action"),
        ({"tools": ["create_note", "create_note"]}, "tools[1].action"),
        ({"tools": ["ask_model"]}, "tools[0].action"),
        ({"tools": [{"action": "send_email"}]}, "tools[0].params.to"),
        ({"tools": [{"action": "create_note", "free": ["too"]}]}, "tools[0].free[0]"),
        (
            {"tools": [{"action": "send_email", "params": {"to": "a@b.example", "x": 1}}]},
            "tools[0].params.x",
        ),
        ({"tools": [{"action": "create_note", "parms": {}}]}, "tools[0].parms"),
        (
            {"tools": [{"action": "create_note", "needs_approval": "yes"}]},
            "tools[0].needs_approval",
        ),
        ({"model": "gpt"}, "model"),
        ({"output_schema": {"type": "array"}}, "output_schema"),
        (
            {"output_schema": {"type": "object", "properties": {"a": {"type": "text"}}}},
            "output_schema",
        ),
        ({"output_schema": {"type": "object", "$ref": "http://x.example/"}}, "output_schema"),
        ({"max_turns": 0}, "max_turns"),
        ({"instructions": "Write to @contact.emial"}, "instructions"),
        ({"restrictions": []}, "restrictions"),
        ({"restrictions": {"max_atempts": 3}}, "restrictions.max_atempts"),
        ({"restrictions": {"max_attempts": None}}, "restrictions.max_attempts"),
        ({"restrictions": {"max_concurrent": 0}}, "restrictions.max_concurrent"),
        ({"restrictions": {"max_concurrent": True}}, "restrictions.max_concurrent"),
        ({"restrictions": {"max_concurrent": 1.5}}, "restrictions.max_concurrent"),
        (
            {"restrictions": {"max_executions_per_day": 10**9}},
            "restrictions.max_executions_per_day",
        ),
        ({"steps": {}}, "steps"),
    ],
)
def test_what_is_wrong_is_told_at_its_path(fields: dict[str, Any], path: str) -> None:
    assert list(validation.check(fields, workspace=ACME)) == [path]
