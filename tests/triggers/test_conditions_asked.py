"""Conditions that ask: questions for a model, and the fields that are named."""

from __future__ import annotations

from typing import Any

import pytest

from tests.triggers.trees import (
    ASKED,
    BIG,
    BROKEN,
    DEAL,
    MET,
    NOT_MET,
    UNKNOWN,
    WON,
    combined,
    rule,
)
from triggers import conditions


@pytest.mark.parametrize(
    ("tree", "answers", "expected"),
    [
        pytest.param(ASKED, {}, (None, None, True), id="only-a-question"),
        pytest.param(combined("AND", MET, ASKED), {}, (None, None, True), id="rules-are-met"),
        pytest.param(
            combined("AND", NOT_MET, ASKED),
            {},
            (False, "condition_false", False),
            id="rules-are-not",
        ),
        pytest.param(combined("OR", MET, ASKED), {}, (True, None, False), id="met-without-it"),
        pytest.param(combined("OR", UNKNOWN, ASKED), {}, (None, None, True), id="or-unknown"),
        pytest.param(
            combined("AND", UNKNOWN, ASKED),
            {},
            (None, "condition_false", False),
            id="cannot-be-met",
        ),
        pytest.param(
            combined("AND", BROKEN, ASKED),
            {},
            (None, "condition_error", False),
            id="cannot-be-met-error",
        ),
        pytest.param(combined("NOT", ASKED), {}, (None, None, True), id="not"),
        pytest.param(
            combined("AND", MET, ASKED),
            {"conditions[1]": True},
            (True, None, False),
            id="answered-yes",
        ),
        pytest.param(
            combined("AND", MET, ASKED),
            {"conditions[1]": False},
            (False, "condition_false", False),
            id="answered-no",
        ),
        pytest.param(
            combined("AND", MET, ASKED),
            {"conditions[1]": None},
            (None, "condition_error", False),
            id="model-failed",
        ),
        pytest.param(
            combined("NOT", ASKED),
            {"conditions[0]": None},
            (None, "condition_error", False),
            id="not-failed",
        ),
    ],
)
def test_questions_for_a_model(
    tree: Any, answers: dict[str, bool | None], expected: tuple[Any, ...]
) -> None:
    condition = conditions.parse(tree)
    for with_trace in (True, False):
        verdict = conditions.judge(condition, DEAL, with_trace=with_trace, answers=answers)
        assert (verdict.met, verdict.reason, verdict.needs_model) == expected


def test_questions_and_fields() -> None:
    question = {
        **ASKED,
        "context_fields": ["form.text"],
        "examples": [{"input": "Hi", "expected": False, "x": 1}],
    }
    condition = conditions.parse(combined("AND", rule("OR", BIG, WON), question))
    (asked,) = conditions.questions(condition)
    assert (asked.path, asked.examples) == ("conditions[1]", ({"input": "Hi", "expected": False},))
    assert conditions.fields(condition) == {"deal.value", "deal.stage", "form.text"}
    leaf = conditions.judge(condition, DEAL, with_trace=True).trace[-1]
    assert (leaf["operator"], leaf["met"], leaf["note"]) == ("llm", None, "pending")


SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "deal": {"$ref": "#/$defs/deal"},
        "contact": {"anyOf": [{"type": "null"}, {"type": "object", "properties": {"email": {}}}]},
        "items": {
            "type": "array",
            "items": {"type": "object", "properties": {"sku": {}}, "additionalProperties": False},
        },
        "note": {"type": ["string", "null"]},
    },
    "$defs": {
        "deal": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"value": {}, "custom": {"type": "object"}},
        }
    },
}


@pytest.mark.parametrize(
    ("field", "suggestion"),
    [
        pytest.param("deal.valeu", "deal.value", id="typo"),
        pytest.param("deel.value", "deal.value", id="typo-above"),
        pytest.param("items.0.skuu", "items.0.sku", id="typo-in-a-list"),
        pytest.param("items.first.sku", None, id="list-by-name"),
        pytest.param("note.text", None, id="inside-text"),
        pytest.param("deal.value", "", id="known"),
        pytest.param("deal.custom.tier", "", id="custom"),
        pytest.param("contact.anything", "", id="open-object"),
        pytest.param("items.3.sku", "", id="list"),
        pytest.param("deal", "", id="whole-record"),
    ],
)
def test_field_problems(field: str, suggestion: str | None) -> None:
    condition = conditions.parse(
        [MET | {"field": "deal.value"}, {"field": field, "operator": "exists"}]
    )
    found = conditions.field_problems(condition, SCHEMA)
    if suggestion == "":
        assert found == []
    else:
        assert [(problem.path, problem.suggestion) for problem in found] == [
            ("rules[1].field", suggestion)
        ]
