"""Requests to the address of a webhook, signed as its trigger wants them."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

from tests.webhooks import Client
from triggers.models import Trigger, WebhookEndpoint

SECRET = "a secret of some length"
BODY = b'{"a": 1}'
MakeHook = Callable[..., Trigger]


def address(trigger: Trigger) -> str:
    return f"/webhooks/{WebhookEndpoint.objects.get(trigger=trigger).sealed}"


def sign(body: bytes = BODY) -> str:
    return hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()


def send(to: Trigger | str, body: bytes = BODY, **more: Any) -> Any:
    """A signed POST of JSON, unless `more` says otherwise. `to`: a trigger, its token or a path."""
    headers = {"X-Webhook-Signature": sign(body), **more.pop("headers", {})}
    url = (
        address(to) if isinstance(to, Trigger) else to if to.startswith("/") else f"/webhooks/{to}"
    )
    method = more.pop("method", "POST")
    content_type = more.pop("content_type", "application/json")
    client = Client()
    return client.generic(method, url, body, content_type=content_type, headers=headers, **more)
