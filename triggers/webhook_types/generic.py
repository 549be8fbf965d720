"""Any sender: HMAC-SHA256 in a header of the workspace's choice, or nothing where that is said in so many words."""

from __future__ import annotations

from typing import Any

from triggers import signatures
from triggers.webhook_types import (
    PREVIOUS,
    SECRET,
    Config,
    Incoming,
    WebhookType,
    check_hex,
    register,
    secrets_of,
)

HEADER = "X-Webhook-Signature"
_NEEDS = (
    "Give a secret that the sender signs with, or set unsigned to true: then everybody who knows the address can "
    "start this trigger."
)


class Generic(WebhookType):
    name = "generic"
    label = "Any sender"
    setup = (
        f"Have your program POST JSON to the address. It signs the body with the secret, HMAC-SHA256 in hexadecimal "
        f"digits, and sends the signature in the header {HEADER}. Where the body is empty, the query string is signed. "
        "A header Idempotency-Key makes sure that a request sent twice counts once."
    )
    config_fields = {
        "secret": SECRET,
        "previous_secret": PREVIOUS,
        "signature_header": {
            "type": "string",
            "title": "Header of the signature",
            "pattern": "^[A-Za-z0-9-]{1,64}$",
            "default": HEADER,
        },
        "unsigned": {
            "type": "boolean",
            "title": "Accept unsigned requests",
            "x-danger": True,
            "default": False,
            "description": "Everybody who knows the address can start this trigger.",
        },
    }
    required_fields: tuple[str, ...] = ()

    def problems(self, config: Config) -> dict[str, list[str]]:
        if config.get("unsigned") is True and config.get("secret"):
            return {"unsigned": ["A secret is given: leave unsigned out, or remove the secret."]}
        if config.get("unsigned") is True or config.get("secret"):
            return {}
        return {"secret": [_NEEDS]}

    def verify(self, request: Incoming, config: Config, *, now: float) -> None:
        if config.get("unsigned") is True:
            return
        given = request.header(str(config.get("signature_header") or HEADER))
        signed = request.body or request.query.encode()
        check_hex(given.removeprefix("sha256="), signed, config)

    def sign(self, body: bytes, config: Config, *, now: float) -> dict[str, str]:
        if config.get("unsigned") is True:
            return {}
        name = str(config.get("signature_header") or HEADER)
        return {name: signatures.hmac_sha256(secrets_of(config)[0], body).hex()}

    def sample(self) -> tuple[dict[str, str], dict[str, Any]]:
        return {"Idempotency-Key": "order-17"}, {
            "event": "order.paid",
            "order": {"id": 17, "total": 120},
        }


register(Generic())
