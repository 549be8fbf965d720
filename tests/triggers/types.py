"""A webhook type as somebody uploads it, for the tests of own types."""

from __future__ import annotations

from typing import Any

SCHEMA = {
    "type": "object",
    "properties": {"event_type": {"enum": ["paid", "sent"]}, "data": {"type": "object"}},
    "required": ["event_type", "data"],
}
VALIDATE = """
def validate(body, headers, config):
    return same(headers.get("x-api-key", ""), config["api_key"])
"""
PARSE = """
def parse(body, headers):
    return {"order_id": body["data"]["id"], "kind": body["event_type"].upper()}
"""
KEY = "k-1234567890-secret"
BODY = {"event_type": "paid", "data": {"id": 17}}


def upload(**change: Any) -> dict[str, Any]:
    """A type with schema, parser and validator; None takes a field away."""
    fields = {
        "webhook_type": "shop",
        "parser": "custom",
        "json_schema": SCHEMA,
        "required_config_fields": ["api_key"],
        "optional_config_fields": ["filter_events"],
        "custom_parser_code": PARSE,
        "validation_code": VALIDATE,
        "sample_payload": BODY,
        **change,
    }
    return {name: value for name, value in fields.items() if value is not None}
