"""Whether a request to a webhook's address is accepted: a pure function over request and configuration.

    judge(request, config, now=...) -> Accepted | Answered, or raises Refused

In this order: method, size, encoding, peer, signature, content type, syntax, rules: parsed is what was proved.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from config.lib import json, secrets
from config.lib.registry import UnknownName
from triggers import payload_schemas, webhook_types
from triggers.payload_schemas import Faults, TooMuch, UnusableSchema
from triggers.webhook_types import FORM, Incoming, Unavailable, Unverified, WebhookType

log = logging.getLogger(__name__)
MAX_BYTES = json.MAX_BYTES
MAX_STORED_BYTES = (
    4 * MAX_BYTES
)  # of an event: the body, what was read out of it, headers and query
MAX_DELIVERY_ID = 200
_SOON = {"Retry-After": "5"}
_UNVERIFIED = "The signature of this request could not be verified."
_HIDDEN_HEADERS = ("cookie", "signature", "secret", "token", "authorization", "key", "forwarded")


@dataclass(frozen=True, slots=True)
class Accepted:
    """`delivery_id` is empty where this delivery counts each time; `bounces` are payloads of `email.bounced`."""

    kind: WebhookType
    payload: dict[str, Any]
    delivery_id: str
    verified: bool
    bounces: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Answered:
    """A question about the address itself, answered without an event."""

    body: dict[str, Any]


class Refused(Exception):
    """`detail` is for the workspace; the sender reads `code`, `message` and `fields` only."""

    def __init__(
        self, status: int, code: str, message: str, *, detail: str = "", **more: Any
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.detail = detail or message
        self.fields: dict[str, list[str]] = more.get("fields", {})
        self.headers: dict[str, str] = more.get("headers", {})


@dataclass(frozen=True, slots=True)
class _Rules:
    """The trigger's `validation_rules`."""

    required_headers: list[str] = field(default_factory=list)
    content_types: list[str] = field(default_factory=list)
    allowed_ips: list[str] = field(default_factory=list)
    json_schema: dict[str, Any] | None = None


Find = Callable[[str], WebhookType]


def judge(
    request: Incoming,
    config: Mapping[str, Any],
    *,
    now: float,
    find: Find = webhook_types.find,
) -> Accepted | Answered:
    """`config`: the trigger's, with its secrets; `now`: Unix time. Raises Refused, and nothing else.

    `find`: the type of a name, as the trigger knows it (`triggers.own_types.finder`); raises UnknownName. A
    configuration that nobody can read, because it was stored past all checks, accepts nothing.
    """
    try:
        return _judge(request, config, find, now=now)
    except Refused:
        raise
    except Unavailable as error:
        raise Refused(
            503, "busy", "Try again in a few seconds.", detail=str(error), headers=_SOON
        ) from None
    except Exception as error:
        log.exception("a webhook could not be judged")
        raise _unverified(f"{type(error).__name__}: the configuration cannot be read.") from error


def _unverified(detail: str) -> Refused:
    return Refused(401, "unverified", _UNVERIFIED, detail=detail)


def _judge(
    request: Incoming, config: Mapping[str, Any], find: Find, *, now: float
) -> Accepted | Answered:
    try:
        kind = find(str(config.get("webhook_type", "")))
        rules = _Rules(**config.get("validation_rules", {}))
        methods = config.get("allowed_methods") or list(kind.default_methods)
    except (UnknownName, TypeError) as error:
        raise _unverified(f"Cannot verify: {error}") from None
    _check_outline(request, methods)
    _check_peer(request, rules)
    _verify(request, kind, config.get("webhook_config", {}), now=now)
    body = _parse(request, kind, rules)
    answer = kind.reply_at_once(body)
    if answer is not None:
        return Answered(answer)
    if why := kind.unwanted(body, config.get("webhook_config", {})):
        raise Refused(200, "not_wanted", why)  # a sender that is told an error would send it again
    return _accept(request, kind, config, body, _checked(request, kind, body, rules))


def _check_outline(request: Incoming, methods: list[str]) -> None:
    if request.method not in methods:
        allow = ", ".join(methods)
        raise Refused(405, "method_not_allowed", f"Use {allow}.", headers={"Allow": allow})
    if len(request.body) > MAX_BYTES:
        raise Refused(413, "too_large", f"A request may have at most {MAX_BYTES} bytes.")
    if request.header("content-encoding").lower() not in ("", "identity"):
        raise Refused(415, "compressed", "Send the body uncompressed.")


def _check_peer(request: Incoming, rules: _Rules) -> None:
    if not rules.allowed_ips:
        return
    try:
        peer = ipaddress.ip_address(request.peer)
        if any(peer in ipaddress.ip_network(one, strict=False) for one in rules.allowed_ips):
            return
    except ValueError as error:
        raise Refused(
            403, "peer_not_allowed", "Your address is not allowed here.", detail=str(error)
        ) from None
    raise Refused(403, "peer_not_allowed", "Your address is not allowed here.")


def _verify(request: Incoming, kind: WebhookType, config: Mapping[str, Any], *, now: float) -> None:
    """Whatever goes wrong here, the request is not accepted."""
    try:
        kind.verify(request, config, now=now)
    except Unverified as error:
        raise _unverified(str(error)) from None
    except Unavailable:
        raise
    except Exception as error:
        raise _unverified(f"{type(error).__name__} in verification") from error


def _parse(request: Incoming, kind: WebhookType, rules: _Rules) -> Any:
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


def _checked(
    request: Incoming, kind: WebhookType, body: Any, rules: _Rules
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
        raise Refused(401, "unverified", _UNVERIFIED, detail=f"Broken schema: {error}") from None
    _refuse_misfits(by_rule)
    if by_type and kind.refuses_misfits():
        _refuse_misfits(by_type)
    if by_type:
        path, messages = next(iter(by_type.items()))
        return {"schema_valid": False, "schema_error": f"{path}: {messages[0]}"}
    return {"schema_valid": None if by_rule is None and by_type is None else True}


def _misfits(request: Incoming, body: Any, rules: _Rules) -> Faults | None:
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


def _accept(
    request: Incoming,
    kind: WebhookType,
    config: Mapping[str, Any],
    body: Any,
    fits: dict[str, bool | str | None],
) -> Accepted:
    settings = config.get("webhook_config", {})
    verified = settings.get("unsigned") is not True
    known = tuple(str(settings[name]) for name in kind.secret_fields if settings.get(name))
    delivery = kind.delivery_id(request, body) if verified else ""
    outline = {
        "method": request.method,
        "headers": seen_headers(request),
        "query_params": dict(parse_qsl(request.query, keep_blank_values=True)[:200]),
        "content_type": request.media_type or "unknown",
        "peer": request.peer,
        "size": len(request.body),
        "delivery_id": delivery[:MAX_DELIVERY_ID],
    }
    seen = secrets.redact(outline, known=known)
    payload = {
        "request": seen | {"body": body},
        **kind.read(request, body, seen=seen, config=settings),
        **fits,
        "service": kind.name,
    }
    return Accepted(
        kind,
        payload,
        delivery,
        verified,
        kind.bounced(body),
    )


def runs_code(config: Mapping[str, Any]) -> bool:
    """Whether judging such a request may take its thread for seconds."""
    try:
        return webhook_types.find(str(config.get("webhook_type", ""))).runs_code
    except UnknownName:
        return False


def claimed_delivery(request: Incoming, config: Mapping[str, Any]) -> str:
    """What the headers of a refused request name it; nothing of its body is read."""
    try:
        kind = webhook_types.find(str(config.get("webhook_type", "")))
    except UnknownName:
        return ""
    return kind.delivery_id(request, {})[:MAX_DELIVERY_ID].replace("\x00", "")


@lru_cache(maxsize=4_000)
def _is_hidden(name: str) -> bool:
    return any(part in name for part in _HIDDEN_HEADERS)


def seen_headers(request: Incoming) -> dict[str, str]:
    """Without what proves who somebody is."""
    return {
        name: secrets.HIDDEN if _is_hidden(name) else secrets.redact_text(value)[:1000]
        for name, value in list(request.headers.items())[:100]
    }
