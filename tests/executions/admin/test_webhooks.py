"""Webhooks in the admin: the address is for those who may see secrets; refused requests say why."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from crm.models import Role, Workspace
from tests.conftest import MakeMember
from tests.stories import MakeAgent
from triggers import blueprint
from triggers.models import Trigger, WebhookEndpoint, WebhookRejection


@pytest.fixture
def hook(acme: Workspace, make_agent: MakeAgent) -> Trigger:
    agent = make_agent("Hook", {"action": "notify", "params": {"message": "Hello"}})
    trigger = Trigger(workspace=acme)
    config = {"webhook_config": {"unsigned": True}}
    given = {"name": "Hook", "agent_id": str(agent.pk), "trigger_type": "webhook", "config": config}
    blueprint.store(trigger, given)
    return trigger


def page(user: User, name: str, *args: object) -> tuple[Client, str]:
    User.objects.filter(pk=user.pk).update(is_staff=True)
    client = Client()
    client.force_login(user)
    return client, reverse(f"admin:{name}", args=args)


def test_the_address_is_shown_to_admins_and_can_be_replaced(
    hook: Trigger, owner: User, member: MakeMember
) -> None:
    token = WebhookEndpoint.objects.get().sealed
    client, url = page(owner, "triggers_trigger_show_address", hook.pk)
    assert token in client.post(url, follow=True).content.decode()
    client, url = page(owner, "triggers_trigger_replace_address", hook.pk)
    client.post(url, {"_confirmed": "1"}, follow=True)
    assert WebhookEndpoint.objects.get().sealed != token
    client, url = page(member("bob", role=Role.EDITOR), "triggers_trigger_show_address", hook.pk)
    assert (
        WebhookEndpoint.objects.get().sealed not in client.post(url, follow=True).content.decode()
    )


def test_an_unsigned_webhook_is_marked(hook: Trigger, owner: User) -> None:
    client, url = page(owner, "triggers_trigger_change", hook.pk)
    shown = client.get(url).content.decode()
    assert "not signed: everybody" in shown
    assert WebhookEndpoint.objects.get().sealed not in shown


def test_refused_requests_say_why(hook: Trigger, owner: User) -> None:
    WebhookRejection.objects.create(
        workspace=hook.workspace, trigger=hook, status=401, reason="unverified",
        detail="The signature is missing.", method="POST", headers={"x-kind": "<b>order</b>"},
    )  # fmt: skip
    client, url = page(owner, "triggers_webhookrejection_changelist")
    assert "unverified" in client.get(url).content.decode()
    client, url = page(owner, "triggers_webhookrejection_change", WebhookRejection.objects.get().pk)
    shown = client.get(url).content.decode()
    assert "The signature is missing." in shown
    assert "<b>order" not in shown
