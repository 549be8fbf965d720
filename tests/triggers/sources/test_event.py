"""Triggers on events by name or wildcard."""

from __future__ import annotations

from typing import Any

import pytest

from config.lib.ids import uuid7
from crm.models import Workspace
from triggers import event_types, sources

SOURCE = sources.find("event")
NOWHERE = Workspace(name="Nowhere", slug="nowhere")
LEFT = event_types.register(
    "tests_event.guest_left",
    label="A guest left",
    schema={"type": "object", "properties": {"guest": {"type": "string"}}, "required": ["guest"]},
    sample={"guest": "Ann"},
)
CAME = event_types.register(
    "tests_event.guest_came",
    label="A guest came",
    schema={"type": "object", "properties": {"table": {"type": "integer"}}},
    sample={"table": 4},
)


@pytest.mark.parametrize(
    "name",
    [
        "tests_event.guest_left",
        "user_events",
        "a.b-c",
        "webhook:x",
        "*",
        "policy.*",
        "contact_*",
        "a.b:*",
    ],
)
def test_well_formed_names_are_allowed(name: str) -> None:
    assert SOURCE.check({"event_type": name}, workspace=NOWHERE) == {}
    assert SOURCE.topic({"event_type": name}, trigger_id=uuid7()) == name


@pytest.mark.parametrize(
    "name",
    [
        "Contact Created",
        "UPPER",
        "con*",
        "*.created",
        "a.*.b",
        ".a",
        "a.",
        "a..b",
        "é",
        "a\n",
        "1a",
        "manual",
    ],
)
def test_malformed_names_are_told_at_their_field(name: str) -> None:
    assert list(SOURCE.check({"event_type": name}, workspace=NOWHERE)) == ["event_type"]


@pytest.mark.parametrize(
    "config, path",
    [
        ({}, "event_type"),
        ({"event_type": 5}, "event_type"),
        ({"event_type": None}, "event_type"),
        ({"event_type": ""}, "event_type"),
        ({"event_type": "a" * 201}, "event_type"),
        ({"event_type": "a", "evnt_type": "b"}, "evnt_type"),
    ],
)
def test_shape_of_the_configuration(config: dict[str, Any], path: str) -> None:
    assert list(SOURCE.check(config, workspace=NOWHERE)) == [path]


def test_an_unknown_field_is_told_with_what_was_meant() -> None:
    problems = SOURCE.check({"event_type": "a", "event_typ": "b"}, workspace=NOWHERE)
    assert problems == {"event_typ": ["Unknown field. Did you mean 'event_type'?"]}


def test_a_slip_is_a_warning_and_a_new_name_is_none() -> None:
    assert "'tests_event.guest_left'" in SOURCE.warnings({"event_type": "tests_event.guest_lft"})[0]
    assert SOURCE.warnings({"event_type": "tests_event.guest_left"}) == []
    assert SOURCE.warnings({"event_type": "zzz"}) == []
    assert SOURCE.warnings({"event_type": "zzz.*"}) != []
    assert SOURCE.warnings({"event_type": "tests_event.*"}) == []


def test_description_names_what_fired() -> None:
    assert SOURCE.describe({"event_type": "policy.*"}) == "event: policy.*"
    assert (
        SOURCE.describe({"event_type": "policy.*"}, event_type="policy.paid")
        == "event: policy.paid"
    )


def test_schema_and_sample_of_one_type_of_several_and_of_none() -> None:
    assert SOURCE.payload_schema({"event_type": LEFT.name}) == LEFT.schema
    assert SOURCE.payload_schema({"event_type": "tests_event.*"})["properties"].keys() == {
        "guest",
        "table",
    }
    assert SOURCE.payload_schema({"event_type": "zzz"}) == sources.OPEN_SCHEMA
    assert SOURCE.sample({"event_type": LEFT.name}) == LEFT.sample
    assert SOURCE.sample_type({"event_type": "tests_event.*"}) == CAME.name
    assert SOURCE.sample_type({"event_type": "zzz.*"}) == "zzz.sample"
