"""What an MCP server tells of, as events: their types, what their payloads hold, and what they are known by."""

from __future__ import annotations

import hashlib
from typing import Any

from config.lib import json
from triggers import event_types
from triggers.watching import Received

UPDATED, LOG = "resource_updated", "log"
LISTS = {  # the event -> the SDK's verb, and what its answer holds
    "resource_list_changed": ("list_resources", "resources"),
    "tool_list_changed": ("list_tools", "tools"),
    "prompt_list_changed": ("list_prompts", "prompts"),
}
KNOWN = (UPDATED, *LISTS, LOG)
MAX_TEXT = 100_000  # characters of a resource in a payload

_SERVER = {"server": {"type": "string", "title": "Server"}}
_NAMES = {"type": "array", "items": {"type": "string"}}
_CHANGED = {
    "added": {**_NAMES, "title": "Added"},
    "removed": {**_NAMES, "title": "Removed"},
    "changed": {**_NAMES, "title": "Changed"},
    "names": {**_NAMES, "title": "All that there are"},
}
SCHEMAS: dict[str, dict[str, Any]] = {
    UPDATED: {
        "uri": {"type": "string", "title": "Address of the resource"},
        "exists": {"type": "boolean", "title": "Whether it can be read"},
        "mime_type": {"type": "string", "title": "Kind"},
        "text": {"type": "string", "title": "Text"},
        "data": {"title": "Value, where the text is JSON"},
    },
    **dict.fromkeys(LISTS, _CHANGED),
    LOG: {
        "level": {"type": "string", "title": "Level"},
        "logger": {"type": "string", "title": "Logger"},
        "data": {"title": "Message"},
    },
}
CUSTOM = {"name": {"type": "string", "title": "Event"}, "params": {"type": "object", "title": "Values"}}  # fmt: skip
_CHANGES = {"added": ["orders"], "removed": [], "changed": [], "names": ["orders", "stock"]}
_SAMPLES: dict[str, dict[str, Any]] = {
    UPDATED: {
        "uri": "shop://stock",
        "exists": True,
        "mime_type": "application/json",
        "text": '{"left": 3}',
        "data": {"left": 3},
    },
    **dict.fromkeys(LISTS, _CHANGES),
    LOG: {"level": "error", "logger": "shop", "data": "The stock is empty."},
}
_LABELS = {
    UPDATED: "MCP: resource changed",
    "resource_list_changed": "MCP: resources came or went",
    "tool_list_changed": "MCP: tools came or went",
    "prompt_list_changed": "MCP: prompts came or went",
    LOG: "MCP: log message",
}


def schema(event: str) -> dict[str, Any]:
    return {"type": "object", "properties": {**_SERVER, **SCHEMAS.get(event, CUSTOM)}}


def sample(event: str, server: str) -> dict[str, Any]:
    own = _SAMPLES.get(event, {"name": event, "params": {"table": "orders", "id": 17}})
    return {"server": server, **own}


TYPES = {
    event: event_types.register(
        f"mcp.{event}",
        label=label,
        schema=schema(event),
        sample=sample(event, "shop"),
        source="mcp_event",
        group="MCP servers",
        told_to="mcp_event",
    )
    for event, label in _LABELS.items()
}
NOTIFIED = event_types.register(
    "mcp.notification",
    label="MCP: another notification",
    schema=schema(""),
    sample=sample("row_inserted", "shop"),
    source="mcp_event",
    group="MCP servers",
    told_to="mcp_event",
)


def type_of(event: str) -> str:
    return TYPES.get(event, NOTIFIED).name


def received(event: str, server: str, values: dict[str, Any], *, key: str = "") -> Received:
    uri = str(values.get("uri", ""))
    return Received(
        {"server": server, **values},
        type_of(event),
        key=key,
        subject=f"resource:{uri}"[:100] if uri else "",
    )


def resource(uri: str, contents: list[Any] | None) -> dict[str, Any]:
    """Of a resource as it was read; None: it cannot be read any more."""
    first = contents[0] if contents else None
    text = "\n".join(one.text for one in contents or () if getattr(one, "text", None) is not None)
    told = {
        "uri": uri,
        "exists": contents is not None,
        "mime_type": str(getattr(first, "mime_type", None) or "")[:100],
        "text": text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + json.TRUNCATED,
    }
    try:
        return {**told, "data": json.loads(text.encode("utf-8", "replace"))}
    except json.InvalidJSON:
        return told


def digest(value: Any) -> str:
    """What tells two states apart; short, since a trigger keeps many."""
    return hashlib.sha256(repr(value).encode("utf-8", "surrogatepass")).hexdigest()[:24]
