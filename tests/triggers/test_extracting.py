"""What a model is shown and asked where the mapping wants a value in words, and what counts as an answer."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest

from agents.actions import ActionFailed
from triggers import extracting
from triggers.extracting import Asked
from triggers.extracts import Extract

FACTS = {"mail": {"text": "I pay 5.", "from": "ann@example.org"}, "order": 7}


def wanted(schema: Any, name: str = "x", *fields: str) -> Extract:
    return Extract(name, "the words", schema, fields)


def asked(*entries: Extract) -> Asked:
    return Asked.of(entries, FACTS, model="local:small")


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "number"}, [5, 5.5, None], ["5", True, [5]]),
        ({"type": "integer", "minimum": 1}, [1, None], [0, 1.5]),
        ({"type": ["string", "null"]}, ["a", None], [5]),
        ({"type": "string", "enum": ["low", "high"]}, ["low", None], ["middle", ""]),
        ({"enum": ["low", "high"]}, ["low", None], ["middle", ""]),
        ({"const": 5}, [5, None], [6]),
        ({}, [5, "a", None], []),
        ({"type": "string", "not": {"const": "a"}}, ["b", None], ["a"]),
        ({"anyOf": [{"type": "string"}, {"type": "boolean"}]}, ["a", True, None], [5]),
        ({"$ref": "#/$defs/p", "$defs": {"p": {"type": "string", "maxLength": 3}}}, ["abc", None], ["abcd"]),
        ({"type": "array", "items": {"$ref": "#/$defs/p"}, "$defs": {"p": {"type": "string"}}}, [["a"], None], [[5]]),
        ({"$ref": "#/$defs/p", "maxLength": 2, "$defs": {"p": {"type": "string"}}}, ["ab", None], ["abc", 5]),
        ({"$ref": "#/$defs/p", "$defs": {"p": True}}, [5, None], []),
        ({"type": "object", "properties": {"$ref": {"type": "string"}}}, [{"$ref": "a"}, None], [{"$ref": 5}]),
    ],
)  # fmt: skip
def test_any_schema_may_be_asked_for_and_null_beside_it(
    schema: Any, good: list[Any], bad: list[Any]
) -> None:
    whole = asked(wanted(schema)).schema
    assert "$ref" not in str(whole).replace("'$ref': {'type'", ""), "providers need not follow any"
    validator = jsonschema_rs.Draft202012Validator(whole)
    assert [value for value in good if not validator.is_valid({"x": value})] == []
    assert [value for value in bad if validator.is_valid({"x": value})] == []
    assert not validator.is_valid({}), "it must say that it does not know"
    assert not validator.is_valid({"x": good[0], "y": 1})


def test_only_the_chosen_fields_are_shown() -> None:
    first, second = wanted({}, "a", "mail.text", "mail.nothing"), wanted({}, "b", "order")
    assert asked(first).data == {"mail.text": "I pay 5."}
    assert asked(first, second).data == {"mail.text": "I pay 5.", "order": 7}
    assert asked(first, wanted({}, "c")).data == FACTS


def test_every_name_is_one_that_providers_take() -> None:
    names = ["amount", "größe", "the price!", "value_2", "x" * 90]
    one = asked(*(wanted({}, name) for name in names))
    assert list(one.names.values()) == names
    assert len(set(one.names)) == len(names)
    assert all(key.isascii() and len(key) <= 64 and " " not in key for key in one.names)
    assert one.schema["required"] == list(one.names)
    assert "- amount: the words" in one.instructions


def test_what_is_not_told_is_null_or_a_default_or_the_end() -> None:
    number, loose = wanted({"type": "number"}, "a"), wanted({"type": ["number", "null"]}, "b")
    values = {"a": None, "b": None}
    assert extracting.settled([number, loose], values, defaults={"a": 1, "b": 2}) == {"b": None}
    with pytest.raises(ActionFailed, match=r"The event does not say a \(the words\)\.") as caught:
        extracting.settled([number, loose], values, defaults={})
    assert not caught.value.retryable
