"""Inputs in words: what may be said, and where each fault of it is told."""

from __future__ import annotations

from typing import Any

import pytest

from triggers import extracts, mapping

AMOUNT = {"extract": "the amount, in dollars", "schema": {"type": "number"}}


def problems(entry: Any) -> dict[str, str | None]:
    return {problem.path: problem.suggestion for problem in mapping.check({"x": entry})}


@pytest.mark.parametrize(
    "entry",
    [
        AMOUNT,
        {**AMOUNT, "context_fields": ["parsed.text", "request.headers.content-type"]},
        {**AMOUNT, "context_fields": None, "model": ""},
        {**AMOUNT, "model": "local:small"},
        {**AMOUNT, "schema": {}},
        {**AMOUNT, "schema": {"enum": ["low", "high", None]}},
        {**AMOUNT, "schema": {"$ref": "#/$defs/a", "$defs": {"a": {"type": ["string", "null"]}}}},
        {**AMOUNT, "schema": {"type": "array", "items": {"type": "object"}}},
    ],
    ids=["plain", "fields", "nulls", "model", "any", "choice", "reference", "list"],
)
def test_what_may_be_said(entry: Any) -> None:
    assert problems(entry) == {}


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"extract": ""}, {"x.extract": None, "x.schema": None}),
        ({**AMOUNT, "modell": "a:b"}, {"x.modell": "model"}),
        ({**AMOUNT, "context_fields": ["@a.b"]}, {"x.context_fields[0]": "a.b"}),
        ({**AMOUNT, "schema": {"type": "string", "enum": []}}, {"x.schema": None}),
        ({"extrakt": "a", "schema": {}}, {"x.extrakt": "extract"}),
        ({**AMOUNT, "schema": {"allOf": [{"$ref": "#/$defs/a"}] * 40, "$defs": {"a": {"enum": list(range(40))}}}},
         {"x.schema": None}),
    ],
    ids=["empty", "a slip", "a variable", "no choice", "the slip of all", "too heavy"],
)  # fmt: skip
def test_each_fault_has_its_place(entry: Any, expected: dict[str, str | None]) -> None:
    assert problems(entry) == expected


@pytest.mark.parametrize(
    "entry", [{"schema": {}}, {"words": "extract"}, ["extract"], "extract", None]
)
def test_other_objects_are_constants(entry: Any) -> None:
    assert mapping.check({"x": entry}) == []
    assert extracts.of({"x": entry}) == {}
    assert mapping.resolve({}, mapping={"x": entry}, defaults=None, meta={}) == {"x": entry}


def test_it_leaves_the_name_to_the_defaults_until_it_is_asked() -> None:
    found = mapping.resolve({"a": 1}, mapping={"x": AMOUNT, "y": "$.a"}, defaults={"x": 2}, meta={})
    assert found == {"x": 2, "y": 1}


def test_reading() -> None:
    (one,) = extracts.read({"x": {**AMOUNT, "extract": " words ", "context_fields": ["a"]}})
    assert one == extracts.Extract("x", "words", {"type": "number"}, ("a",), "")
