"""Everything that is changed in the admin is exactly one row in the trail."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin import helpers
from django.contrib.auth.models import User
from django.db import models
from django.test import Client

from agents.models import Agent, AgentStatus, McpServer, ModelProvider
from crm.admin.actions import ObjectAction
from crm.models import (
    ApiToken,
    Contact,
    Form,
    FormSubmission,
    Membership,
    Note,
    Opportunity,
    Role,
    Task,
    Workspace,
)
from executions.models import Alert, AuditEntry, Execution, StepState
from tests.agents.mcps import PROGRAM
from tests.agents.modelserver import ModelServer
from tests.conftest import MakeMember
from tests.executions.admin.conftest import Things
from tests.executions.admin.pages import MODELS, admin_of, drawn_values, url
from triggers.models import Event, Trigger, WebhookEndpoint

ACTIONS = [(model, action) for model in MODELS for action in admin_of(model).object_actions]
ACTION_IDS = [f"{model.__name__}-{action.name}" for model, action in ACTIONS]
LOOKS = ("dry_run", "dry_run_with_model", "try_it")  # these change nothing
PAGES = (*LOOKS, "send_test")  # these answer with a page
READY: dict[str, dict[str, Any]] = {  # what a row has to be for the action to apply
    "Agent-pause": {"status": AgentStatus.LIVE}, "Trigger-enable": {"status": "paused"},
    "Trigger-dry_run_with_model": {"conditions": {"type": "llm", "description": "It asks."}},
    "Event-replay": {"state": "dead"}, "Event-send_again": {"source": "webhook", "topic": "webhook:x"}, **{
        f"Execution-resolve_{way}": {"status": "interrupted"} for way in ("retry", "mark_done", "cancel")
    }, "Execution-cancel": {"status": "queued"}, **{
        f"Execution-{decision}": {"status": "waiting_approval"} for decision in ("approve", "reject")
    }, "Workspace-resume": {"paused": True},
}  # fmt: skip


def written() -> list[tuple[str, str]]:
    return list(
        AuditEntry.objects.exclude(actor__contains="<")
        .order_by("id")
        .values_list("verb", "target_type")
    )


def _prepare(row: models.Model, action: str, brain: ModelServer, settings: Any) -> None:
    """What the action needs beside the row itself."""
    if isinstance(row, McpServer):
        settings.MCP_COMMANDS = [" ".join(PROGRAM)]
        McpServer.objects.update(
            transport="stdio", command=PROGRAM[0], args=[*PROGRAM[1:], "stdio"], url="", headers={}
        )
    if isinstance(row, Execution):
        Agent.objects.update(status=AgentStatus.LIVE)  # else its run could not go on
        row.steps.update(state=StepState.PROPOSED, kind="notify", request={"message": "Hi"})
    if isinstance(row, Trigger) and action in ("send_test", "show_address", "replace_address"):
        config = {"webhook_type": "generic", "webhook_config": {"unsigned": True}}
        Trigger.objects.update(trigger_type="webhook", config=config)
        WebhookEndpoint.made_for(row).save()
    if isinstance(row, ModelProvider):
        reached = {"kind": "openai-compatible", "base_url": brain.url("/v1")}
        ModelProvider.objects.update(api_key="sk-any", **reached)


@pytest.mark.parametrize(("model", "action"), ACTIONS, ids=ACTION_IDS)
def test_one_action_one_row(
    model: type[models.Model],
    action: ObjectAction,
    ann: Client,
    things: Things,
    brain: ModelServer,
    settings: Any,
) -> None:
    row = things[model]
    _prepare(row, action.name, brain, settings)
    model._default_manager.filter(pk=row.pk).update(
        **READY.get(f"{model.__name__}-{action.name}", {})
    )
    page = ann.get(url(model, action.name, row.pk))
    assert page.status_code == 200
    assert not written()
    values = drawn_values(page.text) | {"model": "any-model"}
    answer = ann.post(url(model, action.name, row.pk), values)
    assert answer.status_code == (200 if action.name in PAGES else 302)
    verb = "resolve" if action.name.startswith("resolve_") else action.name
    assert written() == ([] if action.name in LOOKS else [(verb, model._meta.model_name)])


@pytest.mark.parametrize("model", [Contact, Task, FormSubmission, Agent, Trigger])
def test_deleting_is_one_row_each(model: type[models.Model], ann: Client, things: Things) -> None:
    pk = things[model].pk
    assert ann.post(url(model, "delete", pk), {"post": "yes"}).status_code == 302
    assert not model._default_manager.filter(pk=pk).exists()
    assert written() == [("delete", model._meta.model_name)]


def test_selected_rows_are_one_row_each(ann: Client, acme: Workspace) -> None:
    tasks = Task.objects.bulk_create(
        [Task(workspace=acme, title=f"Task {number}") for number in range(3)]
    )
    chosen = {helpers.ACTION_CHECKBOX_NAME: [str(task.pk) for task in tasks]}
    ann.post(url(Task, "changelist"), chosen | {"action": "finish"})
    assert Task.objects.filter(done_at=None).count() == 0
    assert written() == [("finish", "task")] * 3
    ann.post(url(Task, "changelist"), chosen | {"action": "finish"})
    assert len(written()) == 3, "what was done already is not done again"
    ann.post(url(Task, "changelist"), chosen | {"action": "delete_selected", "post": "yes"})
    assert written()[3:] == [("delete", "task")] * 3
    assert not Task.objects.exists()


def test_a_dangerous_action_on_many_asks_first(ann: Client, things: Things) -> None:
    execution = things[Execution]
    Execution.objects.filter(pk=execution.pk).update(status="queued")
    chosen = {"action": "cancel", helpers.ACTION_CHECKBOX_NAME: str(execution.pk)}
    asked = ann.post(url(Execution, "changelist"), chosen)
    assert "What waits is cancelled at once" in asked.text
    assert Execution.objects.get().status == "queued"
    ann.post(url(Execution, "changelist"), drawn_values(asked.text) | chosen)
    assert Execution.objects.get().status == "cancelled"
    assert written() == [("cancel", "execution")]


def test_a_change_tells_what_changed(ann: Client, owner: User, things: Things) -> None:
    contact = things[Contact]
    sent = drawn_values(ann.get(url(Contact, "change", contact.pk)).text)
    assert ann.post(url(Contact, "change", contact.pk), sent | {"title": "CEO"}).status_code == 302
    entry = AuditEntry.objects.get(verb="update", target_type="contact")
    assert (entry.before, entry.after) == ({"title": ""}, {"title": "CEO"})
    assert (entry.user, entry.workspace) == (owner, contact.workspace)  # type: ignore[attr-defined]
    assert entry.remote_addr
    assert entry.request_id


SAVED = [
    (Contact, {"title": "CEO"}), (Opportunity, {"name": "Big"}), (Form, {"name": "New"}), (Task, {"title": "Call"}),
    (Note, {"text": "Hm"}), (Agent, {"name": "New"}), (Trigger, {"name": "New"}), (Workspace, {"name": "New"}),
    (Workspace, {"paused": "on"}), (Trigger, {"enabled": ""}),
]  # fmt: skip


@pytest.mark.parametrize(("model", "change"), SAVED, ids=lambda one: getattr(one, "__name__", None))
def test_saving_is_one_row(
    model: type[models.Model], change: dict[str, str], ann: Client, things: Things
) -> None:
    address = url(model, "change", things[model].pk)
    sent = drawn_values(ann.get(address).text) | change
    sent = {name: value for name, value in sent.items() if value or name != "enabled"}
    assert ann.post(address, sent).status_code == 302
    assert written() == [("update", model._meta.model_name)]


def test_people_are_managed_with_one_row_each(login: Any, things: Things) -> None:
    root = login(User.objects.create_superuser("root"))
    password = "long-enough-4711"
    new = {
        "username": "zoe",
        "usable_password": "true",
        "password1": password,
        "password2": password,
    }
    assert root.post("/admin/auth/user/add/", new).status_code == 302
    zoe = User.objects.get(username="zoe")
    page = f"/admin/auth/user/{zoe.pk}"
    sent = drawn_values(root.get(f"{page}/change/").text) | {"email": "zoe@example.org"}
    assert root.post(f"{page}/change/", sent).status_code == 302
    fresh = {"usable_password": "true", "password1": password + "x", "password2": password + "x"}
    assert root.post(f"{page}/password/", fresh).status_code == 302
    assert root.post(f"{page}/delete/", {"post": "yes"}).status_code == 302
    assert written() == [(verb, "user") for verb in ("create", "update", "update", "delete")]
    assert password not in str(list(AuditEntry.objects.values()))
    assert "pbkdf2" not in str(list(AuditEntry.objects.values()))


def test_a_workspace_is_made_with_one_row(login: Any, things: Things) -> None:
    root = login(User.objects.create_superuser("root"))
    page = root.get(url(Workspace, "add"))
    sent = drawn_values(page.text) | {"name": "New", "slug": "new"}
    answer = root.post(url(Workspace, "add"), sent)
    assert answer.status_code == 302, answer.context["errors"]
    assert written() == [("create", "workspace")]
    assert Workspace.objects.get(slug="new").timezone == "UTC"


def test_adding_is_one_row(ann: Client, acme: Workspace) -> None:
    ann.post(url(Contact, "add"), {"first_name": "Bob", "custom": '[["tier", "gold"]]'})
    assert Contact.objects.get().custom == {"tier": "gold"}
    assert written() == [("create", "contact")]


def test_what_is_refused_leaves_nothing(ann: Client, things: Things, acme: Workspace) -> None:
    """The last owner stays, and so does a stage with deals; neither leaves a row in the trail."""
    owner = Membership.objects.get(workspace=acme)
    assert ann.post(url(Membership, "delete", owner.pk), {"post": "yes"}).status_code == 302
    page = ann.get(url(Workspace, "change", acme.pk))
    sent = drawn_values(page.text) | {"stages": '[{"name": "Qualified"}, {"name": "Other"}]'}
    answer = ann.post(url(Workspace, "change", acme.pk), sent, follow=True)
    assert "There are deals in: Lead" in answer.text
    assert Membership.objects.filter(pk=owner.pk).exists()
    assert not written()


def test_a_token_is_shown_once(ann: Client, owner: User, acme: Workspace) -> None:
    answer = ann.post(url(ApiToken, "add"), {"name": "CI", "scopes": ["read", "run"]})
    token = ApiToken.objects.get()
    secret = answer.context["secret"]
    assert secret.endswith(token.last4)
    assert "no-store" in answer["Cache-Control"]
    assert (token.user, token.scopes) == (owner, ["read", "run"])
    assert secret not in ann.get(url(ApiToken, "change", token.pk)).text
    assert secret not in ann.get(url(ApiToken, "changelist")).text
    assert secret not in str(list(AuditEntry.objects.values()))
    assert written() == [("create", "apitoken")]


def test_members_are_invited_and_changed(
    ann: Client, member: MakeMember, mailoutbox: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        ann.post(url(Membership, "add"), {"email": "new@example.org", "role": "editor"})
    invited = Membership.objects.get(user__email="new@example.org")
    assert invited.user.is_staff
    assert [mail.to for mail in mailoutbox] == [["new@example.org"]]
    ann.post(url(Membership, "change", invited.pk), {"role": "viewer"})
    assert not User.objects.get(pk=invited.user_id).is_staff
    ann.post(url(Membership, "delete", invited.pk), {"post": "yes"})
    assert written() == [(verb, "membership") for verb in ("create", "update", "delete")]


def test_only_owners_make_owners(member: MakeMember, owner: User, login: Any) -> None:
    boss = Membership.objects.get(user=owner)
    admin = login(member("adam", role=Role.ADMIN))
    assert (
        admin.post(url(Membership, "add"), {"email": "x@example.org", "role": "owner"}).status_code
        == 200
    )
    assert admin.post(url(Membership, "change", boss.pk), {"role": "viewer"}).status_code == 200
    assert admin.post(url(Membership, "delete", boss.pk), {"post": "yes"}).status_code == 403
    boss.refresh_from_db()
    assert boss.role == Role.OWNER
    assert not written()


def test_events_and_alerts_change_by_their_buttons_only(ann: Client, things: Things) -> None:
    for model in (Event, Execution, Alert, AuditEntry, FormSubmission):
        assert (
            ann.post(url(model, "change", things[model].pk), {"status": "completed"}).status_code
            == 403
        )
        assert ann.get(url(model, "add")).status_code == 403


def test_saving_keeps_what_others_changed_meanwhile(ann: Client, things: Things) -> None:
    """Somebody has the page open while an agent changes another field of the row."""
    contact = things[Contact]
    sent = drawn_values(ann.get(url(Contact, "change", contact.pk)).text)
    page_loaded = admin_of(Contact).get_object

    def slow(request: Any, object_id: str, from_field: str | None = None) -> Any:
        row = page_loaded(request, object_id, from_field)
        Contact.objects.filter(pk=contact.pk).update(phone="555")
        return row

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(admin_of(Contact), "get_object", slow)
        ann.post(url(Contact, "change", contact.pk), sent | {"title": "CEO"})
    stored = Contact.objects.get(pk=contact.pk)
    assert (stored.title, stored.phone) == ("CEO", "555")
