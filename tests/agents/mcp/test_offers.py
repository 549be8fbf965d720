"""What servers say of their tools is bounded and named so that every model takes it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from mcp_types import Tool, ToolAnnotations

from agents import mcp_tools
from agents.mcp import offers

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"text": {"type": "string"}}}


def tool(**fields: Any) -> Tool:
    return Tool(**{"name": "t", "input_schema": SCHEMA, **fields})


def test_texts_are_bounded_and_visible() -> None:
    (found,) = offers.read([tool(title="A\u202eB\x00", description="\u200bRead " + "x" * 5000)])
    assert found["title"] == "AB"
    assert found["description"].startswith("Read xxx")
    assert len(found["description"]) == offers.MAX_DESCRIPTION


def test_hints_are_noted_as_they_are_said() -> None:
    said = ToolAnnotations(read_only_hint=True, idempotent_hint=True)
    (found,) = offers.read([tool(annotations=said)])
    assert (found["read_only"], found["idempotent"]) == (True, True)
    (found,) = offers.read([tool()])
    assert (found["read_only"], found["idempotent"]) == (False, False)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"x": {"$ref": "http://169.254.169.254/schema"}}},
        {"type": "object", "properties": {"x": {"enum": ["y" * 20_000]}}},
        {"type": "object", "properties": {"x": {"type": "strin"}}},
        {"type": "string"},
    ],
    ids=["remote", "large", "broken", "no-object"],
)
def test_a_schema_that_is_of_no_use_is_said(schema: dict[str, Any]) -> None:
    (found,) = offers.read([tool(input_schema=schema)])
    assert found["problem"]
    assert found["schema"] == {}


def test_all_of_them_together_are_bounded() -> None:
    large = {"type": "object", "properties": {"x": {"enum": ["y" * 15_000]}}}
    found = offers.read([tool(name=f"t{n}", input_schema=large) for n in range(100)])
    assert 30 < len(found) < 40


def test_names_are_safe_and_unique() -> None:
    named = [
        *(("a", "search"), ("a", "odd.name/of it"), ("a", "odd_name_of_it"), ("a", "x" * 100)),
        *(("a", "x" * 99), ("a", "_b"), ("a-b", "c"), ("a", "b__c"), ("a", "böse"), ("a", "b se")),
    ]
    made = [offers.wire_name(server, name) for server, name in named]
    assert len(set(made)) == len(named)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name) for name in made)
    assert made[0] == "a__search"


def test_a_use_is_kept_under_a_name_that_is_no_other_tool_s() -> None:
    long = "our-server-of-very-many-tools"
    assert mcp_tools.kind("shop", "search") == "mcp:shop/search"
    kinds = {mcp_tools.kind(long, f"search_documents_{n}") for n in range(50)}
    assert len(kinds) == 50
    assert all(len(kind) <= mcp_tools.MAX_KIND for kind in kinds)
