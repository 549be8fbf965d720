"""Stripe: `Stripe-Signature: t=<time>,v1=<hex>[,v1=...]` over `<time>.<body>`; any v1 may fit, v0 never counts."""

from __future__ import annotations

from typing import Any

from triggers import signatures
from triggers.webhook_types import (
    JSON,
    Config,
    Incoming,
    Unverified,
    WebhookType,
    register,
    secrets_of,
    text_of,
)


class Stripe(WebhookType):
    name = "stripe"
    label = "Stripe"
    setup = (
        "In Stripe's dashboard, Developers, Webhooks, add an endpoint with the address and choose its events; then "
        "copy the endpoint's signing secret (whsec_...) to here."
    )
    content_types = (JSON,)
    signature_headers = ("stripe-signature",)

    def verify(self, request: Incoming, config: Config, *, now: float) -> None:
        parts = [
            part.strip().partition("=") for part in request.header("stripe-signature").split(",")
        ]
        times = [value for name, _, value in parts if name == "t"]
        given = [value.encode("utf-8", "replace") for name, _, value in parts if name == "v1"][:10]
        if len(times) != 1 or not signatures.is_fresh(times[0], now=now):
            raise Unverified("The timestamp is missing, or more than five minutes away.")
        signed = times[0].encode() + b"." + request.body
        computed = [
            signatures.hmac_sha256(one, signed).hex().encode() for one in secrets_of(config)
        ]
        if not signatures.any_equal(given, computed):
            raise Unverified("No signature fits.")

    def sign(self, body: bytes, config: Config, *, now: float) -> dict[str, str]:
        signed = f"{int(now)}.".encode() + body
        signature = signatures.hmac_sha256(secrets_of(config)[0], signed).hex()
        return {"Stripe-Signature": f"t={int(now)},v1={signature}"}

    def delivery_id(self, request: Incoming, body: Any) -> str:
        return str(text_of(body, "id") or "")

    def parse(self, request: Incoming, body: Any) -> dict[str, Any]:
        thing = text_of(body, "data", "object")
        return {
            "id": text_of(body, "id"),
            "type": text_of(body, "type"),
            "livemode": text_of(body, "livemode"),
            "object_id": text_of(thing, "id"),
            "object": text_of(thing, "object"),
            "amount": text_of(thing, "amount") or text_of(thing, "amount_total"),
            "currency": text_of(thing, "currency"),
            "customer": text_of(thing, "customer"),
            "customer_email": text_of(thing, "customer_email")
            or text_of(thing, "customer_details", "email"),
            "status": text_of(thing, "status"),
        }

    def answer(self, event_id: str) -> dict[str, Any]:
        return {"received": True, "event_id": event_id}

    def sample(self) -> tuple[dict[str, str], dict[str, Any]]:
        return {}, {
            "id": "evt_sample",
            "object": "event",
            "type": "payment_intent.succeeded",
            "livemode": False,
            "data": {
                "object": {
                    "id": "pi_1",
                    "object": "payment_intent",
                    "amount": 2000,
                    "currency": "usd",
                    "status": "succeeded",
                }
            },
        }


register(Stripe())
