"""GitHub: `X-Hub-Signature-256: sha256=<hex>` over the body; no time is signed, so a delivery counts once by its id."""

from __future__ import annotations

from typing import Any

from config.lib import json
from triggers import signatures
from triggers.webhook_types import (
    Config,
    Incoming,
    WebhookType,
    check_hex,
    register,
    secrets_of,
    text_of,
)


class GitHub(WebhookType):
    name = "github"
    label = "GitHub"
    setup = (
        "In the repository, Settings, Webhooks, Add webhook: paste the address, choose application/json, enter the "
        "same secret as here and choose the events. GitHub sends a ping at once, which shows up here."
    )
    signature_headers = ("x-hub-signature-256", "x-hub-signature")

    def verify(self, request: Incoming, config: Config, *, now: float) -> None:
        check_hex(request.header("x-hub-signature-256"), request.body, config, prefix="sha256=")

    def sign(self, body: bytes, config: Config, *, now: float) -> dict[str, str]:
        signature = signatures.hmac_sha256(secrets_of(config)[0], body).hex()
        return {"X-Hub-Signature-256": f"sha256={signature}"}

    def delivery_id(self, request: Incoming, body: Any) -> str:
        return request.header("x-github-delivery")

    def parse(self, request: Incoming, body: Any) -> dict[str, Any]:
        body = _unwrapped(body)
        return {
            "event": request.header("x-github-event"),
            "action": text_of(body, "action"),
            "repository": text_of(body, "repository", "full_name"),
            "sender": text_of(body, "sender", "login"),
            "ref": text_of(body, "ref"),
            "number": text_of(body, "issue", "number")
            or text_of(body, "pull_request", "number")
            or text_of(body, "number"),
            "title": text_of(body, "issue", "title") or text_of(body, "pull_request", "title"),
            "url": text_of(body, "issue", "html_url")
            or text_of(body, "pull_request", "html_url")
            or text_of(body, "release", "html_url")
            or text_of(body, "compare"),
        }

    def sample(self) -> tuple[dict[str, str], dict[str, Any]]:
        return {"X-GitHub-Event": "issues"}, {
            "action": "opened",
            "issue": {
                "number": 1,
                "title": "It does not start",
                "html_url": "https://github.com/acme/shop/issues/1",
            },
            "repository": {"full_name": "acme/shop"},
            "sender": {"login": "ann"},
        }


def _unwrapped(body: Any) -> Any:
    """A body sent as a form holds the JSON in its one field."""
    inner = text_of(body, "payload")
    if not isinstance(inner, str):
        return body
    try:
        return json.loads(inner)
    except json.InvalidJSON:
        return body


register(GitHub())
