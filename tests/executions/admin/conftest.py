"""People in front of the admin, and one row of everything, with text in it that means no good."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import models
from django.test import Client

from agents import blueprint as agent_blueprint
from agents.models import Agent, McpServer, ModelPrice, ModelProvider
from crm import tokens
from crm.models import (
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
from executions.models import Alert, AuditEntry, Execution, Step
from tests.conftest import MakeMember
from triggers import blueprint, events
from triggers.models import Event, OwnWebhookType, Trigger, WebhookRejection

EVIL = "<script>alert(1)</script>"
Login = Callable[[User], Client]
Things = dict[type[models.Model], models.Model]


@pytest.fixture(autouse=True)
def quick_passwords(settings: Any) -> None:
    """The real hash is slow on purpose."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def login() -> Login:
    def make(user: User) -> Client:
        User.objects.filter(pk=user.pk).update(is_staff=True)
        client = Client()
        client.force_login(user)
        return client

    return make


@pytest.fixture
def ann(owner: User, login: Login) -> Client:
    """The owner of `acme`, at the admin."""
    return login(owner)


@pytest.fixture
def viewer(member: MakeMember, login: Login) -> Client:
    return login(member("vic", role=Role.VIEWER))


@pytest.fixture
def editor(member: MakeMember, login: Login) -> Client:
    return login(member("ed", role=Role.EDITOR))


@pytest.fixture
def things(acme: Workspace, owner: User) -> Things:
    return one_of_each(acme, owner)


@pytest.fixture
def foreign(other: Workspace, stranger: User) -> Things:
    return one_of_each(other, stranger)


def one_of_each(workspace: Workspace, user: User) -> Things:
    """A row of every model that the admin shows, by model."""
    contact = Contact.objects.create(
        workspace=workspace,
        first_name=EVIL,
        last_name=EVIL,
        email="x@example.org",
        company=EVIL,
        custom={EVIL: EVIL},
    )
    deal = Opportunity.objects.create(
        workspace=workspace, name=EVIL, contact=contact, value=5, custom={EVIL: [EVIL]}
    )
    form = Form.objects.create(workspace=workspace, name=EVIL, slug="evil", description=EVIL)
    agent = _agent(workspace)
    trigger = _trigger(workspace, agent)
    event = events.emit(
        "evil.type",
        workspace_id=workspace.pk,
        payload={EVIL: EVIL},
        subject=f"contact:{contact.pk}",
    )
    execution = _execution(event, trigger)
    rows: list[models.Model] = [
        workspace, contact, deal, form, agent, trigger, event, execution,
        FormSubmission.objects.create(workspace=workspace, form=form, contact=contact, fields={EVIL: EVIL}),
        Note.objects.create(workspace=workspace, contact=contact, text=EVIL),
        Task.objects.create(workspace=workspace, contact=contact, title=EVIL),
        Membership.objects.get(workspace=workspace, user=user),
        tokens.issue(workspace, user=user, name=EVIL, scopes=["read"])[0],
        Alert.objects.create(
            workspace=workspace, kind="loop", message=EVIL, agent=agent, trigger=trigger, dedupe_key="x",
        ),
        AuditEntry.objects.create(
            workspace=workspace, actor=EVIL, verb="update", target_type="agent", target_name=EVIL,
            before={EVIL: EVIL}, after={},
        ),
        McpServer.objects.create(
            workspace=workspace, name="evil", url="https://e.example/" + EVIL, headers={EVIL: EVIL}, title=EVIL,
            tools=[{"name": EVIL, "title": EVIL, "description": EVIL, "schema": {"properties": {EVIL: {}}},
                    "read_only": True, "problem": ""}],
            last_error=EVIL,
        ),
        ModelPrice.objects.create(workspace=workspace, model=EVIL, input_per_million=1, output_per_million=2),
        ModelProvider.objects.create(
            workspace=workspace, name="evil", kind="openai", base_url="https://e.example/" + EVIL, api_key=EVIL,
        ),
        WebhookRejection.objects.create(
            workspace=workspace, trigger=trigger, status=401, reason="unverified", detail=EVIL, method="POST",
            peer="192.0.2.7", headers={EVIL: EVIL},
        ),
        OwnWebhookType.objects.create(
            workspace=workspace, name="evil", parser="custom", json_schema={"title": EVIL, "examples": [EVIL]},
            default_methods=["POST"], sample_payload={EVIL: EVIL}, parsed_sample={EVIL: EVIL},
            custom_parser_code=f"def parse(body, headers):\n    return {{'{EVIL}': '{EVIL}'}}",
        ),
    ]  # fmt: skip
    return {type(row): row for row in rows}


def _agent(workspace: Workspace) -> Agent:
    steps = [{"action": "notify", "params": {"message": EVIL}}]
    return agent_blueprint.store(
        Agent(workspace=workspace), {"name": EVIL, "description": EVIL, "steps": steps}
    )


def _trigger(workspace: Workspace, agent: Agent) -> Trigger:
    trigger = Trigger(workspace=workspace)
    fields: dict[str, Any] = {
        "name": EVIL, "description": EVIL, "agent_id": str(agent.pk),
        "trigger_type": "event", "config": {"event_type": "contact_created"},
        "conditions": [{"field": "contact.title", "operator": "equals", "value": EVIL}],
        "default_inputs": {EVIL: EVIL}, "input_mapping": {"who": EVIL},
    }  # fmt: skip
    blueprint.store(trigger, fields)
    return trigger


def _execution(event: Event, trigger: Trigger) -> Execution:
    leaf = {
        "path": "rules[0]",
        "field": EVIL,
        "operator": "equals",
        "expected": EVIL,
        "actual": EVIL,
    }
    execution = Execution.objects.create(
        workspace_id=event.workspace_id, event=event, trigger=trigger, agent=trigger.agent, listener_id=trigger.pk,
        trigger_name=EVIL, agent_name=EVIL, trigger_type=f"event: {EVIL}", inputs={EVIL: EVIL}, error_message=EVIL,
        status="failed", trace=[{**leaf, "met": False, "note": EVIL}],
    )  # fmt: skip
    Step.objects.create(
        execution=execution, number=1, kind=EVIL, effect="none", idempotency_key="x", state="failed",
        request={EVIL: EVIL}, response=[EVIL], error_message=EVIL, started_at=dt.datetime.now(dt.UTC),
    )  # fmt: skip
    return execution
