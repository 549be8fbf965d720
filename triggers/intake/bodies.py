"""A request's body: read as what its content type says, and held against the schemas of the trigger and of the type."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from config.lib import json
from triggers import payload_schemas, webhook_types
from triggers.intake.refusals import UNVERIFIED, Refused
from triggers.payload_schemas import Faults, TooMuch, UnusableSchema
from triggers.webhook_types import FORM, Incoming, WebhookType


@dataclass(frozen=True, slots=True)
class Rules:
    """The trigger's `validation_rules`."""

    required_headers: list[str] = field(default_factory=list)
    content_types: list[str] = field(default_factory=list)
    allowed_ips: list[str] = field(default_factory=list)
    json_schema: dict[str, Any] | None = None


def parse(request: Incoming, kind: WebhookType, rules: Rules) -> Any:
    if not request.body:
        return {}
    media = request.media_type
    is_json = media.endswith(("/json", "+json")) or not request.header("content-type").strip()
    allowed = rules.content_types or kind.content_types
    fits = media in allowed or (is_json and webhook_types.JSON in allowed)
    if not fits:
        raise Refused(415, "unsupported_content_type", f"Send {' or '.join(allowed)}.")
    if is_json:
        return _json(request.body)
    if media == FORM:
        return _form(request.body)
    return _text(request.body)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except json.InvalidJSON as error:
        raise Refused(
            400,
            "invalid_json",
            f"The body is not valid JSON: {error}",
            fields={"body": [str(error)]},
        ) from None


def _form(body: bytes) -> dict[str, Any]:
    try:
        pairs = parse_qsl(_text(body), keep_blank_values=True, max_num_fields=1000, errors="strict")
    except ValueError as error:
        raise Refused(400, "invalid_body", f"The body is no form: {error}") from None
    return dict(pairs)


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise Refused(400, "invalid_body", "The body is not UTF-8.") from None


def checked(
    request: Incoming, kind: WebhookType, body: Any, rules: Rules
) -> dict[str, bool | str | None]:
    """Whether the body fits the schemas of the trigger and of the type, as the payload says it; None without any."""
    missing = [name for name in rules.required_headers if not request.header(name)]
    if missing:
        said = {name: ["This header is required."] for name in missing}
        raise Refused(400, "header_missing", f"Missing header: {', '.join(missing)}.", fields=said)
    try:
        by_rule = _misfits(request, body, rules)
        by_type = kind.misfits(request, body)
    except TooMuch:
        raise Refused(
            413, "too_large", "The body is too large for the schema that it is held against."
        ) from None
    except UnusableSchema as error:
        raise Refused(401, "unverified", UNVERIFIED, detail=f"Broken schema: {error}") from None
    _refuse_misfits(by_rule)
    if by_type and kind.refuses_misfits():
        _refuse_misfits(by_type)
    if by_type:
        path, messages = next(iter(by_type.items()))
        return {"schema_valid": False, "schema_error": f"{path}: {messages[0]}"}
    return {"schema_valid": None if by_rule is None and by_type is None else True}


def _misfits(request: Incoming, body: Any, rules: Rules) -> Faults | None:
    if rules.json_schema is None:
        return None
    return payload_schemas.compiled(rules.json_schema).faults(body, raw=request.body)


def _refuse_misfits(faults: Faults | None) -> None:
    if faults:
        raise Refused(
            400,
            "schema_mismatch",
            "The body does not have the shape that is expected here.",
            fields=faults,
        )
