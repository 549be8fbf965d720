"""A signed webhook starts an agent, from the trigger's creation over REST to the finished run."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from config.lib import json
from executions.models import Execution, Status
from tests.stories import MakeAgent
from tests.webhooks import Client
from triggers.models import Event

SECRET = "It's a Secret to Everybody"


@pytest.mark.parametrize(
    "kind, header, prefix, event, service",
    [
        ("generic", "X-Webhook-Signature", "", "webhook.generic", "webhook: generic"),
        ("GitHub", "X-Hub-Signature-256", "sha256=", "webhook.github", "webhook: github"),
    ],
    ids=["generic", "github"],
)
def test_signed_webhook_runs_the_agent(
    kind: str,
    header: str,
    prefix: str,
    event: str,
    service: str,
    make_agent: MakeAgent,
    api: APIClient,
    run_everything_due: Callable[[], None],
) -> None:
    agent = make_agent("Hook", {"action": "notify", "params": {"message": "@inputs.name"}})
    trigger = api.post(
        "/api/v1/triggers",
        {
            "name": "Orders",
            "agent_id": str(agent.pk),
            "trigger_type": "webhook",
            "config": {"webhook_type": kind, "webhook_config": {"secret": SECRET}},
            "input_mapping": {"name": "$.request.body.name"},
        },
    )
    assert trigger.status_code == 201, trigger.content
    url = trigger.json()["webhook_url"]
    body = json.dumps({"name": "Ann"})
    signature = prefix + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    answer: Any = Client().post(
        url[url.index("/webhooks/") :],
        body,
        content_type="application/json",
        headers={header: signature},
    )
    assert answer.status_code == 202, answer.content
    run_everything_due()
    run = Execution.objects.get()
    assert (run.status, run.trigger_type, run.inputs["name"]) == (Status.COMPLETED, service, "Ann")
    assert str(run.event_id) == answer.json()["event_id"]
    assert Event.objects.get().type == event
