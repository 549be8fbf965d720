"""Every page of the admin with text in it that means no good, and with input that makes no sense."""

from __future__ import annotations

import uuid

import pytest
from django.contrib.admin import helpers
from django.db import models
from django.test import Client

from tests.executions.admin.conftest import EVIL, Things
from tests.executions.admin.pages import MODELS, NAMES, admin_of, drawn_values, url

every_model = pytest.mark.parametrize("model", MODELS, ids=NAMES)
NONSENSE = ["\x00", "{", '{"a": 1, "a": 2}', "9" * 400, '"\\ud800"', '[{"action": 1}]']
QUERIES = [
    "q=%00", "q=%ff", "p=x", "p=99999", "o=99.-1", "nope__x=1", "id__exact=x", "agent__id__exact=x", "state=x",
    "status__exact=%00", "created_at__gte=x", "recorded_at__gte=9999-99-99",
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
        assert ann.get(address).status_code in (302, 404), key
        for action in admin_of(model).object_actions:
            assert ann.post(address.replace("/change/", f"/do/{action.name}/")).status_code == 404


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
