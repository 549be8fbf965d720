"""What docs/webhooks.md prints about own types, done as printed, from the upload to the run."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rest_framework.test import APIClient

from executions.models import Execution, Status
from tests.stories import MakeAgent
from tests.webhooks import Client
from triggers.models import Event, OwnWebhookType, WebhookRejection

DOCS = Path(__file__).parents[2] / "docs/webhooks.md"
KEY = b"k-1234567890"


def printed() -> list[Any]:
    """The type, the trial and the trigger."""
    section = DOCS.read_text().split("## Types of your own")[1].split("\n## ")[0]
    return [json.loads(text) for text in re.findall(r"```json\n(.*?)```", section, re.DOTALL)]


def send(url: str, body: dict[str, Any], **headers: str) -> Any:
    raw = json.dumps(body).encode()
    signed = {"X-Shop-Signature": hmac.new(KEY, raw, hashlib.sha256).hexdigest(), **headers}
    path = url[url.index("/webhooks/") :]
    return Client().post(path, raw, content_type="application/json", headers=signed)


def test_as_printed(
    make_agent: MakeAgent, api: APIClient, run_everything_due: Callable[[], None]
) -> None:
    definition, trial, trigger = printed()
    tried = api.post("/api/v1/webhook-types/try", {**trial, "definition": definition}, format="json")  # fmt: skip
    uploaded = api.post("/api/v1/webhook-types", definition, format="json").json()
    assert (uploaded["status"], uploaded["warnings"]) == ("success", [])
    for answer in (tried, api.post("/api/v1/webhook-types/shop/try", trial, format="json")):
        assert answer.json()["accepted"] is True, answer.json()
        assert answer.json()["parsed"] == {"order_id": 18, "kind": "sent", "is_wanted": False}

    step = {"action": "notify", "params": {"message": "Order @inputs.order"}}
    given = {"agent_id": str(make_agent("Shop", step).pk), "input_mapping": {"order": "$.parsed.order_id"}}  # fmt: skip
    created = api.post("/api/v1/triggers", {**trigger, **given}, format="json").json()
    assert created["warnings"] == []
    url = created["webhook_url"]

    paid = {"event_type": "paid", "data": {"id": 17}}
    first = send(url, paid, **{"Idempotency-Key": "17"})
    again = send(url, paid, **{"Idempotency-Key": "17"})
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json()["event_id"] == again.json()["event_id"]
    send(url, {"event_type": "sent", "data": {"id": 18}})
    assert send(url, paid, **{"X-Shop-Signature": "0" * 64}).status_code == 401
    assert send(url, {"event_type": "paid", "data": {}}).json()["details"].keys() == {"data"}
    run_everything_due()

    event = Event.objects.get(pk=first.json()["event_id"])
    assert (event.type, event.verified) == ("webhook.shop", True)
    runs = Execution.objects.order_by("position")
    assert [run.status for run in runs] == [Status.COMPLETED, Status.SKIPPED]
    assert (runs[0].inputs["order"], runs[0].trigger_type) == (17, "webhook: shop")
    reasons = WebhookRejection.objects.order_by("id").values_list("reason", flat=True)
    assert list(reasons) == ["unverified", "schema_mismatch"]

    # Whatever becomes of the type, nobody comes in who has not come in before.
    OwnWebhookType.objects.update(validation_code="def validate(")
    assert send(url, paid).status_code == 401
    OwnWebhookType.objects.update(validation_code="", validation_required=False)
    assert send(url, paid).status_code == 401
