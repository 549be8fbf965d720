"""Webhook types that a workspace uploads: what is taken, what is told, and what a type in use allows."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import Settings

from config.lib import json
from crm.models import Workspace
from tests.stories import MakeAgent
from tests.triggers.types import BODY, KEY, SCHEMA, upload
from triggers import blueprint, uploading, webhook_types
from triggers.models import Event, OwnWebhookType, Trigger, WebhookRejection
from triggers.problems import InvalidType, TypeNameTaken
from triggers.webhook_types import Incoming

RAW = json.dumps(BODY)


def store(workspace: Workspace, **change: Any) -> OwnWebhookType:
    row = OwnWebhookType(workspace=workspace)
    uploading.store(row, upload(**change))
    return row


def used_by(row: OwnWebhookType, agent: Any, name: str = "Orders", **config: Any) -> Trigger:
    trigger = Trigger(workspace=agent.workspace)
    given = {"webhook_type": row.name, "webhook_config": {"api_key": KEY, **config}}
    fields = {"agent_id": str(agent.pk), "trigger_type": "webhook", "config": given}
    blueprint.store(trigger, {"name": name, **fields})
    return trigger


def test_what_is_not_said_has_its_default(acme: Workspace) -> None:
    row = OwnWebhookType(workspace=acme)
    given = {"webhook_type": " My_Shop ", "parser": "json", "json_schema": SCHEMA}
    assert uploading.store(row, given) == []
    row.refresh_from_db()
    assert (row.name, row.required_config_fields, row.default_methods) == ("my_shop", [], ["POST"])
    assert (row.validation_required, row.response_format, row.version) == (False, "json", 1)
    assert row.sample_payload == {"event_type": "paid", "data": {}}  # made of the schema
    assert row.parsed_sample == row.sample_payload


def test_code_for_validation_is_run_where_nothing_is_said(acme: Workspace) -> None:
    row = store(acme)
    assert row.validation_required is True
    assert row.parsed_sample == {"order_id": 17, "kind": "PAID"}


@pytest.mark.parametrize("name", ["webhook_type", "parser", "json_schema"])
def test_missing_fields(name: str, acme: Workspace) -> None:
    with pytest.raises(InvalidType) as refused:
        uploading.apply(OwnWebhookType(workspace=acme), upload(**{name: None}))
    assert refused.value.problems[name] == [f"Missing required field: {name}"]


@pytest.mark.parametrize(
    "path, said, change",
    [
        ("webhook_type", "small letters", {"webhook_type": "my shop"}),
        ("webhook_type", "small letters", {"webhook_type": "x" * 51}),
        ("webhook_type", "small letters", {"webhook_type": 5}),
        ("webhook_type", "built-in", {"webhook_type": "GitHub"}),
        ("webhook_type", "built-in", {"webhook_type": "generic"}),
        ("parser", "100 characters", {"parser": ["x"]}),
        ("parser", "give one of: json", {"parser": "unknown", "custom_parser_code": None}),
        ("custom_parser_code", "Missing required field", {"custom_parser_code": None}),
        ("custom_parser_code", "Give a text", {"custom_parser_code": 5}),
        ("custom_parser_code", "Line 1, column 25: SyntaxError", {"custom_parser_code": "def parse(body, headers)\n"}),
        ("custom_parser_code", "Line 2, column 1: ModuleNotFoundError", {"custom_parser_code": "\nimport socket"}),
        ("custom_parser_code", "defines no function parse", {"custom_parser_code": "x = 1"}),
        ("custom_parser_code", "longer than 64 KiB", {"custom_parser_code": "#" * 70_000}),
        ("custom_parser_code", "longer than 0.5 seconds", {"custom_parser_code": "while True: pass"}),
        ("custom_parser_code", "more than 32 MB", {"custom_parser_code": "x = [0] * 10**9"}),
        ("validation_code", "defines no function validate", {"validation_code": "def check(): return True"}),
        ("validation_code", "Line 1", {"validation_code": "def validate(:"}),
        ("validation_required", "it is run", {"validation_required": False}),
        ("validation_required", "true or false", {"validation_required": "yes"}),
        ("json_schema", "Not a usable JSON Schema", {"json_schema": {"type": "strin"}}),
        ("json_schema", "must hold all", {"json_schema": {"$ref": "http://127.0.0.1:1/x"}}),
        ("json_schema", "pattern", {"json_schema": {"pattern": "(?=a)"}}),
        ("json_schema", "Give an object", {"json_schema": [1]}),
        ("required_config_fields", "list of at most 20", {"required_config_fields": "api_key"}),
        ("required_config_fields", "list of at most 20", {"required_config_fields": [f"a{n}" for n in range(21)]}),
        ("required_config_fields[1]", "letters, digits", {"required_config_fields": ["api_key", "a b"]}),
        ("required_config_fields[1]", "letters, digits", {"required_config_fields": ["api_key", {}]}),
        ("required_config_fields[0]", "leave it out", {"required_config_fields": ["unsigned"]}),
        ("required_config_fields[1]", "already", {"required_config_fields": ["a", "a"]}),
        ("optional_config_fields", "already", {"optional_config_fields": ["api_key"]}),
        ("default_methods", "Give a list of: POST", {"default_methods": ["PATCH"]}),
        ("default_methods", "Give a list of: POST", {"default_methods": []}),
        ("default_methods", "Give a list of: POST", {"default_methods": [[]]}),
        ("response_format", "Give one of: json", {"response_format": "xml"}),
        ("sample_payload", "cannot be a sample", {"sample_payload": {"a": "\x00"}}),
        ("sample_payload", "cannot be a sample", {"sample_payload": "x" * 70_000}),
        ("paser", "Unknown field", {"paser": 1}),
    ],
    ids=lambda value: None if isinstance(value, dict) else str(value)[:30],
)  # fmt: skip
def test_what_is_wrong_is_told_by_field(
    path: str, said: str, change: dict[str, Any], acme: Workspace
) -> None:
    with pytest.raises(InvalidType) as refused:
        uploading.store(OwnWebhookType(workspace=acme), upload(**change))
    assert said in " ".join(refused.value.problems.get(path, [])), refused.value.problems
    assert not OwnWebhookType.objects.exists()


def test_what_reads_its_sample_badly_is_told(acme: Workspace) -> None:
    row = OwnWebhookType(workspace=acme)
    warnings = uploading.store(row, upload(sample_payload={"event_type": "none"}))
    assert warnings == [
        "The parser fails with the sample: KeyError: data (line 3, column 25)",
        'The sample does not fit the schema: body: "data" is a required property',
        'The sample does not fit the schema: event_type: "none" is not one of "paid" or "sent"',
    ]


def test_names_are_taken_once_in_a_workspace(acme: Workspace, other: Workspace) -> None:
    row = store(acme)
    store(other)
    with pytest.raises(TypeNameTaken):
        store(acme)
    uploading.store(row, {"parser": "renamed"})
    assert (row.parser, row.version) == ("renamed", 2)


def test_a_workspace_has_a_bound_of_types(acme: Workspace, settings: Settings) -> None:
    settings.WEBHOOK_TYPES_PER_WORKSPACE = 1
    row = store(acme)
    with pytest.raises(InvalidType, match="at most 1 types"):
        store(acme, webhook_type="second")
    uploading.store(row, upload())


def test_a_type_in_use_stays_and_keeps_its_name(acme: Workspace, make_agent: MakeAgent) -> None:
    row, agent = store(acme), make_agent("Hook")
    trigger = used_by(row, agent)
    with pytest.raises(uploading.InUse) as refused:
        uploading.remove(row)
    assert refused.value.names == {str(trigger.pk): "Orders"}
    with pytest.raises(InvalidType, match="keeps its name"):
        uploading.store(row, {"webhook_type": "else"})
    blueprint.store(trigger, {"trigger_type": "manual", "config": {}})
    uploading.store(row, {"webhook_type": "else"})
    uploading.remove(row)
    assert not OwnWebhookType.objects.exists()


def test_a_change_that_leaves_triggers_unproved_is_told(
    acme: Workspace, make_agent: MakeAgent
) -> None:
    row, agent = store(acme), make_agent("Hook")
    used_by(row, agent)
    used_by(row, agent, "Signed", secret="a secret of some length")
    told = uploading.store(row, {"validation_code": "", "validation_required": False})
    assert told == [
        "These triggers refuse every request until their configuration fits this type: Orders."
    ]
    told = uploading.store(row, {"required_config_fields": ["api_key", "shop_id"]})
    assert told[0].endswith("Orders, Signed.")


def ask(row: OwnWebhookType, body: bytes = RAW, **more: Any) -> dict[str, Any]:
    headers = {"content-type": webhook_types.JSON, **more.pop("headers", {})}
    request = Incoming("POST", headers, body)
    config = more.pop("config", {"api_key": KEY})
    return uploading.attempt(row, request, config=config)


def test_a_type_is_tried_without_storing_anything(acme: Workspace) -> None:
    row = OwnWebhookType(workspace=acme)
    uploading.apply(row, upload())
    found = ask(row, headers={"x-api-key": KEY})
    assert found == {
        "accepted": True, "status": 202, "error_code": "", "reason": "", "details": {},
        "parsed": {"order_id": 17, "kind": "PAID"}, "parse_error": "", "schema_valid": True, "schema_error": "",
    }  # fmt: skip
    found = ask(row)
    assert (found["accepted"], found["status"], found["reason"]) == (
        False,
        401,
        "The validator answered False.",
    )
    found = ask(row, b'{"event_type": "paid"}', headers={"x-api-key": KEY})
    assert (found["status"], found["details"]) == (400, {"body": ['"data" is a required property']})
    assert ask(row, b"{", headers={"x-api-key": KEY})["error_code"] == "invalid_json"
    assert "no api_key" in ask(row, config={})["reason"]
    secret = {"api_key": KEY, "secret": "a secret of some length"}
    assert ask(row, config=secret, headers={"x-api-key": KEY})["accepted"] is True
    for model in (OwnWebhookType, Event, WebhookRejection):
        assert not model._default_manager.exists()
