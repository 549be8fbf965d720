"""A list of fifty rows asks the database as often as a list of one."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext

from agents.models import Agent, McpServer, ModelPrice, ModelProvider
from config.lib.ids import uuid7
from crm.models import ApiToken, Contact, Form, Membership, Role, Workspace
from executions.models import Alert, Execution
from tests.executions.admin.conftest import Login, Things
from tests.executions.admin.pages import MODELS, NAMES, url
from triggers.models import Event, OwnWebhookType, Trigger

ROWS = 50
MOST = 16  # session, person, roles, workspace, count, rows, names, filters ...
every_model = pytest.mark.parametrize("model", MODELS, ids=NAMES)
OTHER: dict[type[models.Model], Any] = {  # what may stand in one row only
    Contact: lambda n: {"email": f"{n}@example.org"},
    Form: lambda n: {"name": f"Form {n}", "slug": f"form-{n}", "public_id": f"public-{n}"},
    Agent: lambda n: {"name": f"Agent {n}"},
    McpServer: lambda n: {"name": f"server-{n}"},
    ModelPrice: lambda n: {"model": f"openai:{n}"},
    ModelProvider: lambda n: {"name": f"provider-{n}"},
    OwnWebhookType: lambda n: {"name": f"type-{n}"},
    Trigger: lambda n: {"name": f"Trigger {n}"},
    Execution: lambda n: {"replay_no": n + 1},
    Alert: lambda n: {"dedupe_key": f"alert {n}"},
    ApiToken: lambda n: {"digest": f"{n:064}"},
    Workspace: lambda n: {"slug": f"slug-{n}"},
    Membership: lambda n: {"user": User.objects.create_user(f"member{n}", last_name="x")},
}


def multiply(row: models.Model) -> None:
    """Stores ROWS rows like it, past signals and triggers of the CRM."""
    model, rows = type(row), []
    for number in range(ROWS):
        one: Any = copy.copy(row)
        one.pk = None if isinstance(model._meta.pk, models.AutoField) else uuid7()
        for name, value in OTHER.get(model, lambda _: {})(number).items():
            setattr(one, name, value)
        if model is Event:
            one.subject = f"contact:{uuid7()}" if number % 2 else one.subject
        rows.append(one)
    models.QuerySet(model).bulk_create(rows)


def asked(who: Client, address: str) -> tuple[int, int]:
    """(queries, rows on the page)."""
    with CaptureQueriesContext(connection) as queries:
        page = who.get(address)
    assert page.status_code == 200
    return len(queries), len(page.context["cl"].result_list)


@every_model
@pytest.mark.parametrize("who", ["owner", "superuser"])
def test_a_list_asks_the_same_for_many(
    model: type[models.Model],
    who: str,
    ann: Client,
    owner: User,
    login: Login,
    things: Things,
) -> None:
    if who == "superuser":
        ann = login(User.objects.create_superuser("root"))
    address = url(model, "changelist")
    few, _ = asked(ann, address)
    multiply(things[model])
    if model is Workspace:
        Membership.objects.filter(user=owner).delete()
        Membership.objects.bulk_create(
            Membership(workspace=one, user=owner, role=Role.OWNER)
            for one in Workspace.objects.all()
        )
    many, shown = asked(ann, address)
    assert shown == ROWS
    assert many <= few + 1, "one more where a second workspace adds a column and a filter"
    assert many <= MOST
    assert asked(ann, f"{address}?q=x")[0] <= many + 3  # finding whom
