"""Every page of the admin, asked for another workspace's row: it answers as if there were none."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin import helpers
from django.contrib.auth.models import User
from django.db import models
from django.test import Client

from crm.admin.base import WorkspaceModelAdmin
from crm.models import Contact, Membership, Workspace
from executions.models import AuditEntry
from tests.executions.admin.conftest import Things
from tests.executions.admin.pages import MODELS, NAMES, admin_of, url

every_model = pytest.mark.parametrize("model", MODELS, ids=NAMES)


def test_every_row_of_ours_is_scoped() -> None:
    """What is registered without the base is Django's own user table, which only superusers see."""
    bare = [
        model.__name__
        for model, one in admin.site._registry.items()
        if not isinstance(one, WorkspaceModelAdmin)
    ]
    assert bare == ["User"]


@every_model
def test_lists_hold_only_own_rows(
    model: type[models.Model], ann: Client, things: Things, foreign: Things
) -> None:
    answer = ann.get(url(model, "changelist"))
    assert answer.status_code == 200
    shown = {row.pk for row in answer.context["cl"].result_list}
    assert things[model].pk in shown
    assert foreign[model].pk not in shown


@every_model
@pytest.mark.parametrize("page", ["change", "delete", "history"])
def test_a_foreign_row_is_like_none(
    page: str, model: type[models.Model], ann: Client, foreign: Things
) -> None:
    answers = [ann.get(url(model, page, pk)) for pk in (foreign[model].pk, uuid.uuid4())]
    assert [answer.status_code for answer in answers] in ([404, 404], [403, 403])
    assert str(foreign[model]) not in answers[0].text
    assert str(foreign[model].pk) not in answers[0].text


@every_model
@pytest.mark.parametrize("page", ["change", "delete"])
def test_a_foreign_row_cannot_be_written(
    page: str, model: type[models.Model], ann: Client, foreign: Things
) -> None:
    row = foreign[model]
    before = model._default_manager.filter(pk=row.pk).values().get()
    sent = {"post": "yes", "name": "mine", "email": "mine@example.org"}
    assert ann.post(url(model, page, row.pk), sent).status_code in (404, 403)
    assert model._default_manager.filter(pk=row.pk).values().get() == before


@every_model
def test_actions_do_not_reach_a_foreign_row(
    model: type[models.Model], ann: Client, things: Things, foreign: Things
) -> None:
    row = foreign[model]
    chosen = {helpers.ACTION_CHECKBOX_NAME: str(row.pk), "confirmed": "yes", "post": "yes"}
    before = model._default_manager.filter(pk=row.pk).values().get()
    trail = AuditEntry.objects.count()
    for action in admin_of(model).object_actions:
        for method in (ann.get, ann.post):
            assert method(url(model, action.name, row.pk)).status_code == 404
        ann.post(url(model, "changelist"), {**chosen, "action": action.name})
    ann.post(url(model, "changelist"), {**chosen, "action": "delete_selected"})
    assert model._default_manager.filter(pk=row.pk).values().get() == before
    assert AuditEntry.objects.count() == trail


@every_model
def test_viewers_change_nothing(model: type[models.Model], viewer: Client, things: Things) -> None:
    row = things[model]
    before = model._default_manager.filter(pk=row.pk).values().get()
    page = viewer.get(url(model, "change", row.pk))
    assert page.status_code in (
        200,
        403,
        404,
    )  # 404: members, tokens and the trail are not theirs to see
    assert viewer.post(url(model, "change", row.pk), {"name": "changed"}).status_code in (403, 404)
    assert viewer.post(url(model, "delete", row.pk), {"post": "yes"}).status_code in (403, 404)
    assert viewer.get(url(model, "add")).status_code == 403
    for action in admin_of(model).object_actions:
        if action.name != "dry_run":
            assert viewer.post(url(model, action.name, row.pk)).status_code in (403, 404)
    assert model._default_manager.filter(pk=row.pk).values().get() == before


def test_choices_are_own_rows_only(ann: Client, things: Things, foreign: Things) -> None:
    own, theirs = things[Contact], foreign[Contact]
    note = admin_of(MODELS[NAMES.index("Note")])
    assert (
        ann.post(url(note.model, "add"), {"text": "x", "contact": str(theirs.pk)}).status_code
        == 200
    )
    assert not note.model._default_manager.filter(text="x").exists()
    assert (
        ann.post(url(note.model, "add"), {"text": "x", "contact": str(own.pk)}).status_code == 302
    )
    asked = {"app_label": "crm", "model_name": "note", "field_name": "contact", "term": "x@"}
    found = ann.get("/admin/autocomplete/", asked)
    assert [one["id"] for one in found.json()["results"]] == [str(own.pk)]


def test_who_edits_here_and_looks_there_changes_nothing_there(
    ann: Client, owner: User, things: Things, foreign: Things, other: Workspace
) -> None:
    """The buttons and the list's menu are there for the one workspace; the other one's rows refuse them."""
    Membership.objects.create(workspace=other, user=owner, role="viewer")
    for model in MODELS:
        row = foreign[model]
        rows = model._default_manager.filter(pk=row.pk)
        before, trail = rows.values().get(), AuditEntry.objects.count()
        chosen = {helpers.ACTION_CHECKBOX_NAME: str(row.pk), "confirmed": "yes", "post": "yes"}
        actions = [one.name for one in admin_of(model).object_actions if one.name != "dry_run"]
        for action in (*actions, "delete_selected"):
            ann.post(url(model, "changelist"), {**chosen, "action": action})
        for action in actions:
            assert ann.post(url(model, action, row.pk)).status_code in (403, 404)
        for page in ("change", "delete"):
            sent = {"post": "yes", "name": "mine"}
            assert ann.post(url(model, page, row.pk), sent).status_code in (403, 404), model
        assert rows.values().get() == before
        assert AuditEntry.objects.count() == trail


def test_a_search_in_a_form_finds_rows_of_its_workspace(
    ann: Client, owner: User, things: Things, foreign: Things, other: Workspace
) -> None:
    Membership.objects.create(workspace=other, user=owner, role="editor")
    asked = {"app_label": "crm", "model_name": "note", "field_name": "contact", "term": "x@"}
    page = ann.get(f"/admin/crm/note/add/?workspace={other.pk}").text
    assert f"/admin/autocomplete/?workspace={other.pk}" in page
    found = ann.get("/admin/autocomplete/", {**asked, "workspace": str(other.pk)}).json()["results"]
    assert [one["id"] for one in found] == [str(foreign[Contact].pk)]
    Membership.objects.filter(workspace=other, user=owner).delete()
    assert not ann.get("/admin/autocomplete/", {**asked, "workspace": str(other.pk)}).json()[
        "results"
    ]
    assert ann.get("/admin/autocomplete/", {**asked, "workspace": "x"}).status_code == 200


def test_filters_name_own_rows_only(ann: Client, things: Things, foreign: Things) -> None:
    execution = MODELS[NAMES.index("Execution")]
    answer = ann.get(url(execution, "changelist"))
    specs = answer.context["cl"].filter_specs
    offered = {str(value) for spec in specs for value, _ in getattr(spec, "lookup_choices", [])}
    agent = MODELS[NAMES.index("Agent")]
    assert str(things[agent].pk) in offered
    assert str(foreign[agent].pk) not in offered


def test_somebody_of_two_workspaces_says_where(
    ann: Client, owner: User, acme: Workspace, other: Workspace
) -> None:
    Membership.objects.create(
        workspace=other, user=owner, role="viewer"
    )  # may not write there: no question
    assert ann.get(url(Contact, "add")).context["adminform"]
    Membership.objects.filter(workspace=other).update(role="editor")
    asked = ann.get(url(Contact, "add"))
    assert [str(workspace) for workspace in asked.context["workspaces"]] == ["Acme", "Other"]
    ann.post(f"{url(Contact, 'add')}?workspace={other.pk}", {"first_name": "Bob", "custom": "[]"})
    assert Contact.objects.get().workspace == other


def test_pages_without_a_model(ann: Client, things: Things) -> None:
    assert ann.get("/admin/").status_code == 200
    assert ann.get("/admin/password_change/").status_code == 200
    assert ann.get("/admin/r/1/1/").status_code == 404
    assert ann.get("/admin/search/", {"s": "agent", "page": "x"}).status_code == 400
    assert ann.get("/admin/search/", {"s": "agent"}).status_code == 200
    assert ann.get("/admin/auth/user/").status_code == 403
    assert Client().get("/admin/").status_code == 302
    assert Client().get("/admin/login/").status_code == 200


@pytest.mark.parametrize("name", ["Execution", "Event", "AuditEntry", "FormSubmission"])
def test_big_lists_are_not_counted(
    name: str, ann: Client, things: Things, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(25) as asked:
        ann.get(url(MODELS[NAMES.index(name)], "changelist"))
    table = MODELS[NAMES.index(name)]._meta.db_table
    counted = [one["sql"] for one in asked.captured_queries if "COUNT(" in one["sql"].upper()]
    assert not [sql for sql in counted if table in sql and "LIMIT" not in sql]
