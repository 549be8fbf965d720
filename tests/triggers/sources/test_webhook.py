"""Webhooks as a type of trigger: which senders there are to choose from."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from crm.models import Workspace
from tests.stories import MakeAgent, MakeTrigger
from tests.webhooks import Client
from triggers import event_types, sources, webhook_types
from triggers.models import Event, WebhookEndpoint
from triggers.sources import webhook
from triggers.webhook_types.generic import Generic


@pytest.fixture
def till(monkeypatch: pytest.MonkeyPatch) -> str:
    """A sender that is registered later than the source, as an extension's is; gone afterwards."""
    kind = type("Till", (Generic,), {"name": "till", "label": "Till"})()
    for registry in (webhook_types.registry, event_types.registry):
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))
        monkeypatch.setattr(registry, "_places", dict(registry._places))
    monkeypatch.setattr(webhook, "_SENDERS", list(webhook._SENDERS))
    webhook_types.register(kind)
    return "till"


def test_the_senders_are_those_that_are_registered() -> None:
    schema = sources.find("webhook").config_schema
    assert schema["properties"]["webhook_type"]["enum"] == webhook_types.registry.names()


@pytest.mark.django_db
def test_a_sender_that_comes_later_is_offered(till: str, acme: Workspace) -> None:
    source = sources.find("webhook").within(acme)
    assert till in source.config_schema["properties"]["webhook_type"]["enum"]
    found = source.variants()
    assert found is not None
    assert found.of[till]["label"] == "Till"
    kind = event_types.find(webhook.type_name(till))
    assert kind is not None
    assert kind.label == "Webhook: Till"
    config = source.prepare({"webhook_type": till}, sealed="")
    assert "webhook_type" not in source.check(config, workspace=acme)
    assert "webhook:till" in source.all_switches()


@pytest.mark.django_db
def test_a_sender_that_is_gone_lets_nobody_in(
    till: str,
    monkeypatch: pytest.MonkeyPatch,
    make_agent: MakeAgent,
    make_trigger: MakeTrigger,
    api: APIClient,
) -> None:
    config: dict[str, Any] = {
        "webhook_type": till,
        "webhook_config": {"secret": "a secret of some length"},
    }
    trigger = make_trigger(make_agent("A"), "", name="T", trigger_type="webhook", config=config)
    address = f"/webhooks/{WebhookEndpoint.objects.get(trigger=trigger).sealed}"
    signed = webhook_types.find(till).sign(b"{}", config["webhook_config"], now=0)
    monkeypatch.delitem(webhook_types.registry._entries, till)
    answer = Client().post(address, b"{}", content_type="application/json", headers=signed)
    assert answer.status_code == 401
    assert not Event.objects.exists()
    for path in ("", f"/{trigger.pk}", f"/{trigger.pk}/status", "/stats"):
        assert api.get(f"/api/v1/triggers{path}").status_code == 200, path
