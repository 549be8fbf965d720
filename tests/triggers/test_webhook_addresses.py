"""The address of a webhook as people configure it: shown, replaced, shared, its secrets kept."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from config.lib import clock, secrets
from crm.models import Workspace
from executions.models import AuditEntry
from tests.conftest import MakeClient, MakeMember
from tests.triggers.hooks import SECRET, MakeHook, address, send
from triggers import blueprint
from triggers.models import Event, Trigger, WebhookEndpoint


def test_a_replaced_address_works_for_another_day(hook: Trigger, api: APIClient) -> None:
    old = address(hook)
    answer = api.post(f"/api/v1/triggers/{hook.pk}/regenerate-webhook")
    assert answer.status_code == 200, answer.content
    new = address(hook)
    assert answer.json()["webhook_url"].endswith(new)
    assert new != old
    assert [send(url).status_code for url in (old, new)] == [202, 202]
    api.post(f"/api/v1/triggers/{hook.pk}/regenerate-webhook")  # a second click
    newest = address(hook)
    assert [send(url).status_code for url in (old, new, newest)] == [202, 202, 202]
    endpoint = WebhookEndpoint.objects.get()
    endpoint.former[secrets.digest(old.rpartition("/")[2])] = clock.now().timestamp() - 1
    endpoint.save()
    assert [send(url).status_code for url in (old, new, newest)] == [404, 202, 202]
    assert old[10:] not in str(list(AuditEntry.objects.values_list("before", "after")))


def test_the_address_is_shown_in_full_with_the_scope_secrets_only(
    hook: Trigger, api: APIClient, client_of: MakeClient, member: MakeMember
) -> None:
    reader = client_of(member("bob"), scopes=["read", "write"])
    full = address(hook)
    for url in (f"/api/v1/triggers/{hook.pk}", f"/api/v1/triggers/{hook.pk}/webhook-url"):
        assert api.get(url).json()["webhook_url"].endswith(full)
        assert reader.get(url).json()["webhook_url"].endswith(f"/webhooks/…{full[-4:]}")
    assert full not in reader.get("/api/v1/triggers").content.decode()
    assert reader.post(f"/api/v1/triggers/{hook.pk}/regenerate-webhook").status_code == 403


def test_secrets_are_masked_and_stored_encrypted(hook: Trigger, api: APIClient) -> None:
    url = f"/api/v1/triggers/{hook.pk}"
    shown = api.get(url).json()["config"]
    assert SECRET not in api.get(url).content.decode()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t::text || e::text FROM triggers_trigger t JOIN triggers_webhookendpoint e ON true"
        )
        (stored,) = cursor.fetchone()
    assert SECRET not in stored
    assert address(hook)[10:] not in stored
    kept = api.patch(url, {"config": {**shown, "allowed_methods": ["POST", "PUT"]}})
    assert kept.status_code == 200, kept.content
    assert send(hook, method="PUT").status_code == 202, "a mask that is sent back keeps its secret"
    forged = api.patch(url, {"config": {**shown, "webhook_config": {"secret": "[secret …xxxx]"}}})
    assert forged.status_code == 400


@pytest.mark.parametrize(
    "config, path",
    [
        ({"webhook_type": "nonsense"}, "config.webhook_type"),
        ({"webhook_type": "github"}, "config.webhook_config.secret"),
        (
            {"webhook_type": "telegram", "webhook_config": {"bot_token": "x"}},
            "config.webhook_config.bot_token",
        ),
        ({"webhook_config": {}}, "config.webhook_config.secret"),
        ({"webhook_config": {"secret": "x", "color": 1}}, "config.webhook_config.color"),
        ({"allowed_methods": ["PATCH"]}, "config.allowed_methods[0]"),
        ({"validation_rules": {"allowed_ips": ["x"]}}, "config.validation_rules.allowed_ips[0]"),
        (
            {"validation_rules": {"json_schema": {"$ref": "https://example.org/x"}}},
            "config.validation_rules.json_schema",
        ),
        ({"validation_rules": {"json_schema": {"type": 5}}}, "config.validation_rules.json_schema"),
        ({"endpoint": "0190a6a0-0000-7000-8000-000000000000"}, "config.endpoint"),
        ({"endpoint": "x"}, "config.endpoint"),
    ],
)
def test_wrong_configurations_are_told_by_path(
    config: dict[str, Any], path: str, make_hook: MakeHook
) -> None:
    full = config if "webhook_type" in config else {"webhook_config": {"secret": SECRET}, **config}
    with pytest.raises(blueprint.InvalidTrigger) as caught:
        make_hook("Wrong", **{"webhook_config": {}, **full})
    assert path in caught.value.problems


def test_all_triggers_of_an_address_run(
    hook: Trigger, make_hook: MakeHook, api: APIClient, other: Workspace
) -> None:
    second = make_hook("Second", endpoint=str(hook.pk), webhook_config={})
    assert second.topic == hook.topic
    assert not WebhookEndpoint.objects.filter(trigger=second).exists()
    shown = api.get(f"/api/v1/triggers/{second.pk}/webhook-url").json()["webhook_url"]
    assert shown.endswith(address(hook))
    event = Event.objects.get(pk=send(hook).json()["event_id"])
    heard = Trigger.objects.listening_for([(event.workspace_id, event.topic)])
    assert {one.pk for one in heard} == {hook.pk, second.pk}
