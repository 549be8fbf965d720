"""The pages of a workspace's own webhook types: uploading, what is wrong, and trying one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from crm.models import Workspace
from executions.models import AuditEntry
from tests.executions.admin.pages import drawn_values, url
from tests.stories import MakeAgent
from tests.triggers.types import BODY, KEY, PARSE, SCHEMA, VALIDATE, upload
from triggers import blueprint, uploading
from triggers.models import Event, OwnWebhookType, Trigger

ADD = url(OwnWebhookType, "add")
FORM = {
    "name": "shop",
    "parser": "custom",
    "json_schema": json.dumps(SCHEMA),
    "required_config_fields": "api_key\n",
    "optional_config_fields": "",
    "default_methods": ["POST"],
    "response_format": "json",
    "validation_required": "on",
    "custom_parser_code": PARSE.replace("\n", "\r\n"),
    "validation_code": VALIDATE,
    "sample_payload": json.dumps(BODY),
}


def stored(workspace: Workspace, **change: Any) -> OwnWebhookType:
    row = OwnWebhookType(workspace=workspace)
    uploading.store(row, upload(**change))
    return row


def errors_of(answer: Any) -> dict[str, list[str]]:
    return dict(answer.context["adminform"].form.errors)


def test_a_type_is_made_on_a_page(ann: Client, acme: Workspace) -> None:
    answer = ann.post(ADD, FORM, follow=True)
    row = OwnWebhookType.objects.get(workspace=acme)
    assert (row.name, row.required_config_fields, row.json_schema) == ("shop", ["api_key"], SCHEMA)
    assert (row.custom_parser_code, row.parsed_sample) == (PARSE, {"order_id": 17, "kind": "PAID"})
    assert row.created_by is not None
    assert AuditEntry.objects.filter(verb="create", target_type="ownwebhooktype").count() == 1
    assert "shop" in answer.text


@pytest.mark.parametrize(
    "field, said, change",
    [
        ("name", "built-in", {"name": "github"}),
        ("json_schema", "Line 2", {"json_schema": '{\n"a": }'}),
        ("json_schema", "Not a usable JSON Schema", {"json_schema": '{"type": "strin"}'}),
        ("custom_parser_code", "Line 1, column 25", {"custom_parser_code": "def parse(body, headers)"}),
        ("validation_code", "defines no function", {"validation_code": "x = 1"}),
        ("validation_required", "it is run", {"validation_required": ""}),
        ("required_config_fields", "letters, digits", {"required_config_fields": "api_key\na b"}),
    ],
)  # fmt: skip
def test_faults_stand_at_their_fields(
    field: str, said: str, change: dict[str, Any], ann: Client
) -> None:
    answer = ann.post(ADD, {**FORM, **change})
    assert said in " ".join(errors_of(answer).get(field, [])), errors_of(answer)
    assert not OwnWebhookType.objects.exists()


def test_a_page_that_is_saved_again_keeps_everything(ann: Client, acme: Workspace) -> None:
    row = stored(acme)
    page = url(OwnWebhookType, "change", row.pk)
    drawn: dict[str, Any] = drawn_values(ann.get(page).text)
    answer = ann.post(page, {**drawn, "default_methods": ["POST", "PUT"]})
    assert answer.status_code == 302, errors_of(answer)
    fresh = OwnWebhookType.objects.get(pk=row.pk)
    assert (fresh.default_methods, fresh.version) == (["POST", "PUT"], 2)
    assert (fresh.json_schema, fresh.sample_payload) == (row.json_schema, row.sample_payload)
    assert fresh.custom_parser_code.strip() == row.custom_parser_code.strip()
    assert fresh.validation_code.strip() == row.validation_code.strip()


def test_a_type_is_tried_on_a_page(ann: Client, acme: Workspace) -> None:
    row = stored(acme)
    page = url(OwnWebhookType, "try_it", row.pk)
    assert "Body" in ann.get(page).text
    config = json.dumps([["api_key", KEY]])
    asked = {"body": json.dumps(BODY), "headers": "[]", "config": config, "query": ""}
    refused = ann.post(page, asked).text
    assert "It would be refused (401): The validator answered False." in refused
    accepted = ann.post(page, {**asked, "headers": json.dumps([["X-Api-Key", KEY]])}).text
    assert "It would be accepted (202)." in accepted
    assert "PAID" in accepted
    assert KEY not in accepted
    assert not Event.objects.filter(source="webhook").exists()
    assert not AuditEntry.objects.filter(verb="try_it").exists()


def test_a_type_in_use_is_not_deleted(ann: Client, acme: Workspace, make_agent: MakeAgent) -> None:
    row = stored(acme)
    trigger = Trigger(workspace=acme)
    config = {"webhook_type": "shop", "webhook_config": {"api_key": KEY}}
    given = {"name": "Orders", "agent_id": str(make_agent("Hook").pk), "trigger_type": "webhook"}
    blueprint.store(trigger, {**given, "config": config})
    assert "Orders" in ann.get(url(OwnWebhookType, "change", row.pk)).text
    page = url(OwnWebhookType, "delete", row.pk)
    assert "Orders" in ann.get(page).text
    ann.post(page, {"post": "yes"})
    assert OwnWebhookType.objects.filter(pk=row.pk).exists()
    blueprint.store(trigger, {"trigger_type": "manual", "config": {}})
    ann.post(page, {"post": "yes"})
    assert not OwnWebhookType.objects.filter(pk=row.pk).exists()


def test_the_form_of_a_trigger_knows_the_types(ann: Client, acme: Workspace) -> None:
    stored(acme)
    form = ann.get(url(Trigger, "add")).context["adminform"].form
    types = form.fields["config"].widget.config["types"]
    assert "shop" in types["webhook"]["schema"]["properties"]["webhook_type"]["enum"]
    fields = form.fields["conditions"].widget.config["fields"]["webhook.shop"]
    paths = {field["path"]: field["type"] for field in fields}
    assert paths["parsed.order_id"] == "integer"
    assert "request.body.event_type" in paths


def test_who_may_only_look_reads_it(viewer: Client, acme: Workspace) -> None:
    row = stored(acme)
    page = viewer.get(url(OwnWebhookType, "change", row.pk))
    assert page.status_code == 200
    assert "api_key" in page.text
    assert viewer.get(ADD).status_code == 403
    assert viewer.get(url(OwnWebhookType, "try_it", row.pk)).status_code == 403
