"""Whether a request to a webhook's address is accepted: a pure function over request and configuration.

    judge(request, config, now=...) -> Accepted | Answered, or raises Refused

In this order: method, size, encoding, peer, signature, content type, syntax, rules: parsed is what was proved.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from config.lib import json, secrets
from config.lib.registry import UnknownName
from triggers import webhook_types
from triggers.intake import bodies
from triggers.intake.bodies import Rules
from triggers.intake.refusals import Refused, unverified
from triggers.webhook_types import Incoming, Unavailable, Unverified, WebhookType

__all__ = [
    "MAX_BYTES",
    "MAX_STORED_BYTES",
    "Accepted",
    "Answered",
    "Refused",
    "claimed_delivery",
    "judge",
    "runs_code",
    "seen_headers",
]

log = logging.getLogger(__name__)
MAX_BYTES = json.MAX_BYTES
# Of an event: the body, what was read out of it, headers and query.
MAX_STORED_BYTES = 4 * MAX_BYTES
MAX_DELIVERY_ID = 200
_SOON = {"Retry-After": "5"}
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
        raise unverified(f"{type(error).__name__}: the configuration cannot be read.") from error


def _judge(
    request: Incoming, config: Mapping[str, Any], find: Find, *, now: float
) -> Accepted | Answered:
    try:
        kind = find(str(config.get("webhook_type", "")))
        rules = Rules(**config.get("validation_rules", {}))
        methods = config.get("allowed_methods") or list(kind.default_methods)
    except (UnknownName, TypeError) as error:
        raise unverified(f"Cannot verify: {error}") from None
    _check_outline(request, methods)
    _check_peer(request, rules)
    _verify(request, kind, config.get("webhook_config", {}), now=now)
    body = bodies.parse(request, kind, rules)
    answer = kind.reply_at_once(body)
    if answer is not None:
        return Answered(answer)
    if why := kind.unwanted(body, config.get("webhook_config", {})):
        raise Refused(200, "not_wanted", why)  # a sender that is told an error would send it again
    return _accept(request, kind, config, body, bodies.checked(request, kind, body, rules))


def _check_outline(request: Incoming, methods: list[str]) -> None:
    if request.method not in methods:
        allow = ", ".join(methods)
        raise Refused(405, "method_not_allowed", f"Use {allow}.", headers={"Allow": allow})
    if len(request.body) > MAX_BYTES:
        raise Refused(413, "too_large", f"A request may have at most {MAX_BYTES} bytes.")
    if request.header("content-encoding").lower() not in ("", "identity"):
        raise Refused(415, "compressed", "Send the body uncompressed.")


def _check_peer(request: Incoming, rules: Rules) -> None:
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
        raise unverified(str(error)) from None
    except Unavailable:
        raise
    except Exception as error:
        raise unverified(f"{type(error).__name__} in verification") from error


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
