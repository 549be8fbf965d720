"""Schemas that people wrote: which are taken, what they cost, and what is told of them."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from triggers import payload_samples, payload_schemas
from triggers.payload_schemas import TooMuch, UnusableSchema

ORDER = {
    "$defs": {"order": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}},
    "type": "object",
    "properties": {"order": {"$ref": "#/$defs/order"}, "kind": {"enum": ["paid", "sent"]}},
    "required": ["order"],
}  # fmt: skip
DOUBLING = {
    "$defs": {
        f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}, {"$ref": f"#/$defs/a{n + 1}"}]}
        for n in range(40)
    }
    | {"a40": {"type": "object"}},
    "$ref": "#/$defs/a0",
}
CHAIN = {"$defs": {f"a{n}": {"$ref": f"#/$defs/a{n + 1}"} for n in range(500)} | {"a500": {}}}


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels):
        schema = {"not": schema}
    return schema


@pytest.mark.parametrize(
    "schema, said",
    [
        ({"type": "strin"}, "type"),
        ({"pattern": "("}, "pattern"),
        ({"pattern": "(?=a)b"}, "pattern"),
        ({"pattern": r"(a)\1"}, "pattern"),
        ({"pattern": "(((a{1,200}){1,200}){1,200})"}, "pattern"),
        ({"$ref": "http://127.0.0.1:1/schema.json"}, "must hold all that it refers to"),
        ({"$ref": "other.json#/a"}, "must hold all that it refers to"),
        ({"$ref": "file:///etc/passwd"}, "must hold all that it refers to"),
        ({"$ref": "#name"}, "must hold all that it refers to"),
        ({"$ref": "#/$defs/none"}, "stands for nothing"),
        ({"$id": "http://127.0.0.1:1/a", "properties": {}}, "$id is not supported"),
        ({"$dynamicRef": "#a"}, "$dynamicRef is not supported"),
        ({"$schema": "http://json-schema.org/draft-03/schema#"}, "$schema"),
        ({"$ref": "#"}, "leads back to itself"),
        ({"$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"}, "leads back to itself"),
        (DOUBLING, "too large"),
        (CHAIN | {"$ref": "#/$defs/a0"}, "too deep"),
        (nested(40), "32 levels"),
        ({"enum": ["x" * 70_000]}, "65536 bytes"),
        ({"const": "\x00"}, "NUL"),
        ([], "Give an object"),
        ("", "Give an object"),
        (None, "Give an object"),
        ({"properties": []}, "properties"),
    ],
    ids=lambda value: re.sub(r"\W+", "_", str(value))[:40],
)  # fmt: skip
def test_unusable_schemas(schema: Any, said: str) -> None:
    with pytest.raises(UnusableSchema, match=re.escape(said)):
        payload_schemas.compiled(schema)


@pytest.mark.parametrize(
    "body, faults",
    [
        ({"order": {"id": 1}}, {}),
        ({"order": {"id": "1"}}, {"order.id": ['"1" is not of type "integer"']}),
        ({}, {"body": ['"order" is a required property']}),
        ([], {"body": ['[] is not of type "object"']}),
    ],
)
def test_faults_are_told_by_path(body: Any, faults: Any) -> None:
    assert payload_schemas.compiled(ORDER).faults(body, raw=b"{}") == faults


@pytest.mark.parametrize(
    "draft", ["http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2019-09/schema"]
)  # fmt: skip
def test_older_drafts_have_their_own_meaning(draft: str) -> None:
    schema = {"$schema": draft, "items": [{"type": "integer"}]}  # a tuple, until 2020-12
    assert payload_schemas.compiled(schema).faults(["a"], raw=b"['a']")


def test_few_faults_of_many_are_told() -> None:
    many = ["x"] * 5000
    faults = payload_schemas.compiled({"items": {"type": "integer"}}).faults(many, raw=b"[]")
    assert len(faults) == 20


def test_what_would_cost_too_much_is_not_begun() -> None:
    heavy = {"items": {"allOf": [{"type": "integer", "minimum": -5} for _ in range(300)]}}
    numbers = list(range(100_000))
    begun = time.monotonic()
    with pytest.raises(TooMuch):
        payload_schemas.compiled(heavy).faults(numbers, raw=str(numbers).encode())
    assert time.monotonic() - begun < 10
    light = payload_schemas.compiled(ORDER)
    assert not light.faults({"order": {"id": 1, "all": numbers}}, raw=str(numbers).encode())


@pytest.mark.parametrize(
    "schema, sample",
    [
        (ORDER, {"order": {"id": 1}, "kind": "paid"}),
        ({"examples": [{"a": 1}], "type": "object"}, {"a": 1}),
        ({"type": "object", "properties": {"at": {"type": "string", "format": "date"}}}, {"at": "2026-11-03"}),
        ({"type": "array", "items": {"type": ["null", "string"]}}, [None]),
        ({"allOf": [{"properties": {"a": {"const": 1}}}, {"properties": {"b": {"default": 2}}}]}, {"a": 1, "b": 2}),
        ({"anyOf": [{"type": "integer", "minimum": 5}, {"type": "string"}]}, 5),
        ({}, None),
    ],
)  # fmt: skip
def test_a_sample_is_made_of_a_schema(schema: dict[str, Any], sample: Any) -> None:
    assert payload_samples.sample_of(schema) == sample


def test_an_outline_names_the_fields_and_is_small() -> None:
    order = {"type": "object", "properties": {"id": {"type": "integer"}}}
    kinds = {"enum": ["paid", "sent"]}
    assert payload_samples.outline_of(ORDER) == {
        "type": "object",
        "properties": {"order": order, "kind": kinds},
    }
    wide: dict[str, Any] = {"properties": {f"a{n}": {} for n in range(2000)}}
    assert len(payload_samples.outline_of(wide)["properties"]) < 301
    assert payload_samples.shape_of({"a": {"b": [1]}, "c": True}) == {
        "type": "object",
        "properties": {
            "a": {"type": "object", "properties": {"b": {"type": "array"}}},
            "c": {"type": "boolean"},
        },
    }
