"""What the events of webhooks look like, with the request that each sender makes."""

from __future__ import annotations

from typing import Any

from config.lib import json
from crm.models import Workspace
from triggers import own_types, webhook_types
from triggers.models import OwnWebhookType
from triggers.sources import Config
from triggers.webhook_types import Incoming

_ANY: dict[str, Any] = {}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "request": {
            "type": "object",
            "title": "Request",
            "properties": {
                "method": {"type": "string", "title": "Method"},
                "headers": {"type": "object", "title": "Headers"},
                "query_params": {"type": "object", "title": "Query"},
                "body": _ANY,
                "content_type": {"type": "string", "title": "Content type"},
                "peer": {"type": "string", "title": "Sender's address"},
                "size": {"type": "integer", "title": "Size in bytes"},
                "delivery_id": {"type": "string", "title": "Delivery"},
            },
        },
        "parsed": {"type": "object", "title": "Read out of it"},
        "schema_valid": {"type": ["boolean", "null"], "title": "Fits its schema"},
        "service": {"type": "string", "title": "Sender"},
    },
}


def type_name(kind: str) -> str:
    return f"webhook.{kind}"


def sample_request(kind: webhook_types.WebhookType, config: Config) -> tuple[Incoming, Any]:
    """A request such as the sender makes, not signed, and its body."""
    headers, body = kind.sample()
    raw = json.dumps(body)
    lower = {name.lower(): value for name, value in headers.items()}
    return Incoming("POST", {"content-type": webhook_types.JSON, **lower}, raw), body


def sample(kind: webhook_types.WebhookType) -> dict[str, Any]:
    request, body = sample_request(kind, {})
    return {
        "request": {
            "method": request.method,
            "headers": dict(request.headers),
            "query_params": {},
            "body": body,
            "content_type": webhook_types.JSON,
            "peer": "192.0.2.1",
            "size": len(request.body),
            "delivery_id": kind.delivery_id(request, body),
        },
        "parsed": kind.parse(request, body),
        "schema_valid": None,
        "service": kind.name,
    }


def own_schemas(workspace: Workspace) -> dict[str, dict[str, Any]]:
    """What events of the workspace's own types look like, by the names that those events have."""
    rows = OwnWebhookType.objects.filter(workspace=workspace).defer(
        "custom_parser_code", "validation_code"
    )
    return {type_name(row.name): own_types.payload_schema(row, SCHEMA) for row in rows}
