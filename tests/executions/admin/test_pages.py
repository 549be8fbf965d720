"""Every page of the admin with text in it that means no good, and with input that makes no sense."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.contrib.admin import helpers
from django.db import models
from django.test import Client

from agents.models import Agent
from crm.models import Contact, Workspace
from executions.models import Execution
from tests.executions.admin.conftest import EVIL, Things
from tests.executions.admin.pages import MODELS, NAMES, admin_of, drawn_values, url
from triggers.models import Trigger

every_model = pytest.mark.parametrize("model", MODELS, ids=NAMES)
NONSENSE = ["\x00", "{", '{"a": 1, "a": 2}', "9" * 400, '"\\ud800"', '[{"action": 1}]']
QUERIES = [
    "q=%00", "q=%ff", "p=x", "p=99999", "o=99.-1", "nope__x=1", "id__exact=x", "agent__id__exact=x", "state=x",
    "status__exact=%00", "created_at__gte=x", "recorded_at__gte=9999-99-99",
    "name__regex=(", "created_at__regex=(", "created_at__year=99999999", "custom__a__b=1", "digest__startswith=a",
    "workspace__name__startswith=O", "submissions_count__gt=99999999999999999999",
]  # fmt: skip


@every_model
def test_nothing_is_markup(
    model: type[models.Model], ann: Client, viewer: Client, things: Things
) -> None:
    row, actions = things[model], admin_of(model).object_actions
    chosen = {helpers.ACTION_CHECKBOX_NAME: str(row.pk)}
    answers = [ann.get(url(model, "changelist")), viewer.get(url(model, "change", row.pk))]
    answers += [ann.get(url(model, page, row.pk)) for page in ("change", "delete", "history")]
    answers += [ann.get(url(model, action.name, row.pk)) for action in actions]
    answers += [
        ann.post(url(model, "changelist"), {**chosen, "action": action.name}) for action in actions
    ]
    for answer in answers:
        assert answer.status_code in (200, 302, 403)
        assert EVIL not in answer.text


@every_model
def test_odd_addresses(model: type[models.Model], ann: Client, things: Things) -> None:
    for query in QUERIES:
        assert ann.get(f"{url(model, 'changelist')}?{query}").status_code in (200, 302, 400), query
    nobody = uuid.UUID(int=1)
    for key in ("x", "%00", "0", "1" * 500, str(nobody)):
        address = url(model, "change", nobody).replace(str(nobody), key)
        assert ann.get(address).status_code == 404, key
        for action in admin_of(model).object_actions:
            assert ann.post(address.replace("/change/", f"/do/{action.name}/")).status_code == 404


def test_an_address_asks_only_what_the_filters_ask(ann: Client, things: Things) -> None:
    """Any column, asked by any pattern, could keep the database busy for as long as somebody likes."""
    contacts = url(MODELS[NAMES.index("Contact")], "changelist")
    assert ann.get(f"{contacts}?created_at__gte=2026-01-01+00:00:00%2B00:00").status_code == 200
    for query in ("email__regex=(a|a)*", "custom__x__regex=(a|a)*", "created_at__year=2026"):
        assert ann.get(f"{contacts}?{query}").status_code == 400, query
    assert ann.get(
        f"{url(MODELS[NAMES.index('Execution')], 'changelist')}?status=x"
    ).status_code in (200, 302)


SHAPES: list[dict[str, Any]] = [
    {"items": [1, 2, 3]}, {"items": 5}, {"items": [{"sku": "a<b>"}, {"sku": None}]},
    {"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}},    {"long": ["x" * 300] * 300}, {"": {}, "keys": [], "values": {}},
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES, ids=range(len(SHAPES)))
def test_values_of_any_shape_are_readable(
    shape: dict[str, Any], ann: Client, things: Things
) -> None:
    """An object may have a key named like a method of objects."""
    columns = {
        "Event": "payload",
        "Execution": "inputs",
        "FormSubmission": "fields",
        "AuditEntry": "",
    }
    for name, column in columns.items():
        model = MODELS[NAMES.index(name)]
        if column:
            model._default_manager.filter(pk=things[model].pk).update(**{column: shape})
        answer = ann.get(url(model, "change", things[model].pk))
        assert answer.status_code == 200
        assert "a<b>" not in answer.text


def test_small_objects_are_tables_and_not_json(ann: Client, things: Things) -> None:
    event = MODELS[NAMES.index("Event")]
    shape = {"deal": {"value": 5, "tags": ["a", "b"], "lines": [{"sku": "x"}]}}
    event._default_manager.filter(pk=things[event].pk).update(payload=shape)
    text = ann.get(url(event, "change", things[event].pk)).text
    assert '<th scope="row">sku</th>' in text
    assert "<pre" not in text.partition("What it tells")[2]


def test_a_paused_workspace_says_so_on_every_page(ann: Client, acme: Workspace) -> None:
    said = "Everything in Acme is paused"
    assert said not in ann.get("/admin/").text
    Workspace.objects.filter(pk=acme.pk).update(paused=True)
    for address in ("/admin/", url(Execution, "changelist"), url(Contact, "add")):
        assert said in ann.get(address).text


def test_the_front_page_speaks_the_menus_words(ann: Client, viewer: Client) -> None:
    page = ann.get("/admin/")
    found = {
        group["name"]: [one["name"] for one in group["models"]]
        for group in page.context["app_list"]
    }
    assert list(found) == ["CRM", "Automation", "Operations", "Workspace"]
    assert {"Contacts", "Deals", "Submissions"} <= set(found["CRM"])
    assert found["Workspace"] == ["Workspaces", "Members", "API tokens"]
    less = {
        one["name"]
        for group in viewer.get("/admin/").context["app_list"]
        for one in group["models"]
    }
    assert "Deals" in less
    assert not {"Members", "API tokens", "Audit trail"} & less


def test_pages_lead_to_their_executions(ann: Client, things: Things, foreign: Things) -> None:
    mine = things[Execution].pk
    for model, filtered in (
        (Agent, "agent__id__exact"),
        (Trigger, "trigger__id__exact"),
        (Contact, "q"),
    ):
        pk = things[model].pk
        address = f"{url(Execution, 'changelist')}?{filtered}={pk}"
        assert address in ann.get(url(model, "change", pk)).text
        assert [row.pk for row in ann.get(address).context["cl"].result_list] == [mine]
        theirs = f"{url(Execution, 'changelist')}?{filtered}={foreign[model].pk}"
        assert not ann.get(theirs).context["cl"].result_list


@every_model
def test_odd_selections(model: type[models.Model], ann: Client, things: Things) -> None:
    for action in (
        "delete_selected",
        "nope",
        *(one.name for one in admin_of(model).object_actions),
    ):
        for key in ("x", "\x00", str(uuid.uuid4())):
            sent = {
                "action": action,
                helpers.ACTION_CHECKBOX_NAME: key,
                "confirmed": "yes",
                "post": "yes",
            }
            assert ann.post(url(model, "changelist"), sent).status_code in (200, 302)


@every_model
def test_odd_forms_are_answered_with_messages(
    model: type[models.Model], ann: Client, things: Things
) -> None:
    """Each field by itself, and all at once."""
    if not admin_of(model).needs["change"]:
        return
    address = url(model, "change", things[model].pk)
    good = drawn_values(ann.get(address).text)
    assert len(good) > 1
    for junk in NONSENSE:
        assert ann.post(address, dict.fromkeys(good, junk)).status_code in (200, 302), junk
    for name in good:
        assert ann.post(address, {**good, name: '[["a"]]'}).status_code in (200, 302), name


@every_model
def test_empty_forms(model: type[models.Model], ann: Client, things: Things) -> None:
    if admin_of(model).needs["add"] and model.__name__ != "Workspace":
        assert ann.post(url(model, "add"), {}).status_code in (200, 302)
