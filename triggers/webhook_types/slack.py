"""Slack: `X-Slack-Signature: v0=<hex>` over `v0:<timestamp>:<body>`; the address is tested with a challenge."""

from __future__ import annotations

from typing import Any

from triggers import signatures
from triggers.webhook_types import (
    Config,
    Incoming,
    Unverified,
    WebhookType,
    check_hex,
    register,
    secrets_of,
    text_of,
)


class Slack(WebhookType):
    name = "slack"
    label = "Slack"
    setup = (
        "At api.slack.com/apps open your app, copy its Signing Secret to here, then Event Subscriptions: switch them "
        "on and paste the address as Request URL. Slack tests it at once."
    )
    signature_headers = ("x-slack-signature",)

    def verify(self, request: Incoming, config: Config, *, now: float) -> None:
        sent_at = request.header("x-slack-request-timestamp")
        if not signatures.is_fresh(sent_at, now=now):
            raise Unverified("The timestamp is missing, or more than five minutes away.")
        signed = b"v0:" + sent_at.encode() + b":" + request.body
        check_hex(request.header("x-slack-signature"), signed, config, prefix="v0=")

    def sign(self, body: bytes, config: Config, *, now: float) -> dict[str, str]:
        sent_at = str(int(now))
        signed = b"v0:" + sent_at.encode() + b":" + body
        signature = signatures.hmac_sha256(secrets_of(config)[0], signed).hex()
        return {"X-Slack-Request-Timestamp": sent_at, "X-Slack-Signature": f"v0={signature}"}

    def delivery_id(self, request: Incoming, body: Any) -> str:
        return str(text_of(body, "event_id") or text_of(body, "trigger_id") or "")

    def parse(self, request: Incoming, body: Any) -> dict[str, Any]:
        return {
            "type": text_of(body, "event", "type") or text_of(body, "type"),
            "team_id": text_of(body, "team_id"),
            "channel": text_of(body, "event", "channel") or text_of(body, "channel_id"),
            "user": text_of(body, "event", "user") or text_of(body, "user_id"),
            "text": text_of(body, "event", "text") or text_of(body, "text"),
            "command": text_of(body, "command"),
        }

    def reply_at_once(self, body: Any) -> dict[str, Any] | None:
        challenge = text_of(body, "challenge")
        asked = text_of(body, "type") == "url_verification" and isinstance(challenge, str)
        return {"challenge": challenge} if asked else None

    def answer(self, event_id: str) -> dict[str, Any]:
        return {"ok": True, "event_id": event_id}

    def sample(self) -> tuple[dict[str, str], dict[str, Any]]:
        return {}, {
            "type": "event_callback",
            "team_id": "T0001",
            "event": {"type": "message", "channel": "C2147", "user": "U2147", "text": "Hello"},
        }


register(Slack())
