"""What a schema cannot say of requests: the server may refuse these with 400, though they have the described shape.

A finding is dropped only where the answer blames nothing but fields named here, and for no reason that a schema can
say. All else that the schema allows must be accepted.
"""

from __future__ import annotations

import re
from typing import Any

STALE = 412  # If-Match is to a row's state what 409 is to its name
INVALID = 400
AWAY, HEALTH = 503, "/api/v1/triggers/health"
NUL = "The character NUL is not allowed"  # in any text, of bodies and of queries
BLANK = "may not be blank"  # blanks and line breaks alone are nothing
NO_JSON = "invalid_json"  # a schema is about values: digits and depth are of the text
FORMS, ITS_OWN = (
    "/api/workspaces",
    frozenset({"form_id", "email", "name"}),
)  # all others are a form's
PAGE = frozenset({"page"})  # how many there are, only who counts knows

_MONEY = {"value", "min_value", "max_value"}  # two decimals, which numbers do not have
_ABOUT = {"contact_id", "opportunity_id", "owner"}  # must be there, in this workspace
_TRIGGER = {
    *("name", "agent_id", "trigger_type", "config", "conditions", "input_mapping", "default_inputs", "id"),
    *("dedupe_key", "dedupe_window_seconds", "conflict", "catch_up", "overlap", "status"),
}  # fmt: skip
# By the beginning of the path, longer ones first: fields whose rules look at other fields, at rows, or are a grammar.
FIELDS: dict[str, set[str]] = {
    "/api/v1/agents": {
        *("name", "instructions", "model", "steps", "tools", "output_schema", "restrictions"),
        *("description", "inputs"),
    },
    "/api/v1/contacts/import": {"file"},
    "/api/v1/contacts": {"non_field_errors", "owner", "custom", "email"},
    "/api/v1/executions": {"filter", "ids", "limit", "step", "params", "outcome", "reason"},
    "/api/v1/forms": {"name", "slug", "fields", "origins"},
    "/api/v1/mcp-servers": {"name", "url", "transport", "command", "args", "env", "headers", "non_field_errors"},
    "/api/v1/members": {"role", "email"},
    "/api/v1/model-providers": {"name", "kind", "base_url", "api_key", "model"},
    "/api/v1/notes": {"non_field_errors", *_ABOUT},
    "/api/v1/opportunities": {"stage", "currency", "custom", *_ABOUT, *_MONEY},
    "/api/v1/tasks": _ABOUT,
    "/api/v1/tokens": {"scopes", "expires_at"},
    "/api/v1/triggers/validate-cron": {"cron_expression", "timezone"},
    "/api/v1/triggers": {
        *("cron_expression", "timezone", "description", "draft", "details", "agent", "trigger", "endpoint"),
        *("data", "body", "filter", "ids", "limit", "payload", "event_id", "model", "try", "paths"),
        *_TRIGGER,
    },
    "/api/v1/webhook-types": {
        *("webhook_type", "parser", "json_schema", "required_config_fields", "optional_config_fields"),
        *("default_methods", "validation_required", "response_format", "custom_parser_code"),
        *("validation_code", "sample_payload", "definition", "body", "raw", "headers", "config"),
    },
    "/api/v1/workspace": {
        *("name", "slug", "timezone", "stages", "rename_stages", "default_model", "retention", "budgets"),
    },
    FORMS: {"name", "email", "form_id"},
}  # fmt: skip
# What a schema does say: where a refusal gives such a reason, its schema lacks a type, a range or a null.
SHAPE = re.compile(
    r"A valid \w+ is required|Not a valid|may not be null|Ensure this|Expected a |Must be a valid"
)
_FIRST = re.compile(r"[a-zA-Z_]\w*")
ANY_NAME = "/replay"  # filters have the names of a list


def why_refused(case: Any, response: Any) -> str:
    """What of this refusal the schema cannot say; empty where it refuses anything else."""
    if response.status_code == STALE:
        return "stale" if any(name.lower() == "if-match" for name in case.headers) else ""
    if response.status_code != INVALID:
        return ""
    told = response.json()
    if told["error_code"] == NO_JSON:
        return "no JSON"
    details = {path: why for path, why in told["details"].items() if not _is_of_text(why)}
    if not details and _is_of_text(told["error_message"]):
        return "NUL" if NUL in told["error_message"] else "blank"
    if case.operation.path.endswith(ANY_NAME):
        return "filters" if details else ""
    return _why_blamed(case.operation.path, details)


def _is_of_text(reasons: object) -> bool:
    return any(one in str(reasons) for one in (NUL, BLANK))


def _why_blamed(path: str, details: dict[str, Any]) -> str:
    strange = details.keys() - ITS_OWN if path.startswith(FORMS) else set()
    blamed = {first for name in details.keys() - strange for first in _FIRST.findall(name)[:1]}
    if blamed and blamed <= PAGE:
        return "page"
    if SHAPE.search(str([why for name, why in details.items() if name not in strange])):
        return ""
    return "fields" if blamed | strange and blamed <= PAGE | _fields(path) else ""


def why_accepted(case: Any, response: Any) -> str:
    """What of this success the schema cannot say."""
    if response.status_code == STALE:
        return "stale"
    return "digits as text" if reads_as_text(case) else ""


def why_broken(case: Any, response: Any) -> str:
    """Health answers 503 where a part is away, and only the web server runs here."""
    is_away = response.status_code == AWAY and case.operation.path == HEALTH
    return "outage" if is_away else ""


def reads_as_text(case: Any) -> bool:
    """Whether the body has a number where a text is described: its digits are taken, as in any form."""
    if not isinstance(case.body, dict):
        return False
    described = _properties(case.operation)
    return any(
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and described.get(name, {}).get("type") == "string"
        for name, value in case.body.items()
    )


def _properties(operation: Any) -> dict[str, dict[str, Any]]:
    """Of the JSON body."""
    contents = operation.definition.raw.get("requestBody", {}).get("content", {})
    shape = contents.get("application/json", {}).get("schema", {})
    if "$ref" in shape:
        name = shape["$ref"].rpartition("/")[2]
        shape = operation.schema.raw_schema["components"]["schemas"][name]
    found: dict[str, dict[str, Any]] = shape.get("properties", {})
    return found


def _fields(path: str) -> set[str]:
    return next((names for start, names in FIELDS.items() if path.startswith(start)), set())
