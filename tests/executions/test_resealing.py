"""A new key: everything is encrypted with it, while the old one still opens what has not had its turn."""

from __future__ import annotations

from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.conf import settings as configured
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings
from rest_framework.test import APIClient

from agents.models import Agent, ModelProvider
from config.lib import secrets
from crm.models import Workspace
from executions import resealing
from executions.models import Execution, Step
from tests.rows import make, our_models
from tests.stories import MakeAgent
from triggers import blueprint
from triggers.models import Trigger, WebhookEndpoint

CANARY = "canary-0123456789-secret"


@pytest.fixture
def kept(acme: Workspace, make_agent: MakeAgent, api: APIClient) -> Trigger:
    """Something in every place that holds secrets."""
    headers = {"Authorization": f"Bearer {CANARY}"}
    step = {"action": "http_request", "params": {"url": "https://e.example/", "headers": headers}}
    agent = make_agent("Keeps")
    assert api.patch(f"/api/v1/agents/{agent.pk}", {"steps": [step]}).status_code == 200
    trigger = Trigger(workspace=acme)
    given = {
        "name": "Hook",
        "agent_id": str(agent.pk),
        "trigger_type": "webhook",
        "config": {"webhook_config": {"secret": CANARY}},
    }
    blueprint.store(trigger, given)
    ModelProvider.objects.update_or_create(
        pk=make(ModelProvider, workspace=acme).pk, defaults={"api_key": CANARY}
    )
    run = make(Step, workspace=acme)
    Step.objects.filter(pk=run.pk).update(sealed=secrets.encrypt(CANARY))
    return trigger


def stored() -> dict[str, list[str]]:
    """What any text column of ours holds that looks encrypted, by table and column."""
    found: dict[str, list[str]] = {}
    with connection.cursor() as cursor:
        for model in our_models():
            for field in model._meta.concrete_fields:
                table, column = model._meta.db_table, field.column
                cursor.execute(f'SELECT "{column}"::text FROM "{table}"')
                texts = [text for (text,) in cursor.fetchall() if text and text.startswith("gAAAA")]
                if texts:
                    found[f"{table}.{column}"] = texts
    return found


def test_all_is_encrypted_anew_and_the_old_key_can_go(kept: Trigger, settings: Settings) -> None:
    before = stored()
    assert len(before) == 5, before.keys()
    old, new = configured.FIELD_KEYS, Fernet.generate_key().decode()
    address = WebhookEndpoint.objects.get(trigger=kept).sealed
    settings.FIELD_KEYS = [new, *old]
    said = StringIO()
    call_command("rotate_secrets", stdout=said)
    assert said.getvalue().startswith(str(sum(map(len, before.values()))))
    settings.FIELD_KEYS = [new]
    after = stored()
    assert after.keys() == before.keys()
    for texts in after.values():
        assert all(Fernet(new).decrypt(text) for text in texts)
    assert WebhookEndpoint.objects.get(trigger=kept).sealed == address
    assert CANARY in Trigger.objects.get(pk=kept.pk).sealed
    assert secrets.decrypt(Agent.objects.get(name="Keeps").sealed)
    assert Execution.objects.exists()


def test_what_no_key_opens_is_told_and_left(kept: Trigger, settings: Settings) -> None:
    before = stored()
    settings.FIELD_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("rotate_secrets", stdout=StringIO())
    assert stored() == before


def test_more_than_a_batch(
    kept: Trigger, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resealing, "BATCH", 1)
    assert resealing.reseal() == (sum(map(len, stored().values())), 0)
