"""Standard Webhooks (standardwebhooks.com): `webhook-signature` is a list of `v1,<base64>` (HMAC-SHA256) and
`v1a,<base64>` (Ed25519) over `<id>.<timestamp>.<body>`; any entry may fit, so that senders can change their keys.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

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

_PUBLIC, _SECRET = "whpk_", "whsec_"


class Standard(WebhookType):
    name = "standard"
    label = "Standard Webhooks"
    setup = (
        "For senders that follow standardwebhooks.com: give them the address and copy their secret (whsec_...) or "
        "public key (whpk_...) to here."
    )
    content_types = (JSON,)
    signature_headers = ("webhook-signature",)

    def problems(self, config: Config) -> dict[str, list[str]]:
        found = super().problems(config)
        for name in self.secret_fields:
            if config.get(name) and not _is_key(str(config[name])):
                found[name] = [
                    "Give a key such as whsec_ or whpk_ and base64, as the sender shows it."
                ]
        return found

    def verify(self, request: Incoming, config: Config, *, now: float) -> None:
        message, sent_at = request.header("webhook-id"), request.header("webhook-timestamp")
        if not message or not signatures.is_fresh(sent_at, now=now):
            raise Unverified("The id or timestamp is missing, or more than five minutes away.")
        signed = f"{message}.{sent_at}.".encode("utf-8", "replace") + request.body
        given = list(_entries(request.header("webhook-signature")))
        fits = [_fits(key, signed, given) for key in secrets_of(config)]
        if not any(fits):
            raise Unverified("No signature fits.")

    def sign(self, body: bytes, config: Config, *, now: float) -> dict[str, str]:
        """Raises Unverified for a public key: only the sender can sign."""
        key = secrets_of(config)[0]
        if key.startswith(_PUBLIC):
            raise Unverified("Only the sender can sign: here is its public key alone.")
        message = f"msg_test_{int(now * 1000)}"
        digest = signatures.hmac_sha256(
            _decoded(key.removeprefix(_SECRET)), f"{message}.{int(now)}.".encode() + body
        )
        signature = "v1," + base64.b64encode(digest).decode()
        return {
            "Webhook-Id": message,
            "Webhook-Timestamp": str(int(now)),
            "Webhook-Signature": signature,
        }

    def delivery_id(self, request: Incoming, body: Any) -> str:
        return request.header("webhook-id")

    def parse(self, request: Incoming, body: Any) -> dict[str, Any]:
        return {
            "id": request.header("webhook-id"),
            "type": text_of(body, "type"),
            "timestamp": text_of(body, "timestamp"),
            "data": text_of(body, "data"),
        }

    def sample(self) -> tuple[dict[str, str], dict[str, Any]]:
        return {}, {
            "type": "contact.created",
            "timestamp": "2026-11-03T20:26:10.344522Z",
            "data": {"id": "1f81eb52"},
        }


def _decoded(text: str) -> bytes:
    """Raises ValueError where it is no base64."""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None


def _is_key(text: str) -> bool:
    try:
        if text.startswith(_PUBLIC):
            return bool(Ed25519PublicKey.from_public_bytes(_decoded(text.removeprefix(_PUBLIC))))
        return len(_decoded(text.removeprefix(_SECRET))) >= 16
    except ValueError:
        return False


def _entries(header: str) -> Iterator[tuple[str, bytes]]:
    for entry in header.split(" ")[:20]:
        version, _, text = entry.partition(",")
        try:
            yield version, _decoded(text)
        except ValueError:
            continue


def _fits(key: str, signed: bytes, given: list[tuple[str, bytes]]) -> bool:
    """A secret proves v1 entries only, a public key v1a entries only."""
    if not key.startswith(_PUBLIC):
        computed = signatures.hmac_sha256(_decoded(key.removeprefix(_SECRET)), signed)
        return signatures.any_equal([one for version, one in given if version == "v1"], [computed])
    public = Ed25519PublicKey.from_public_bytes(_decoded(key.removeprefix(_PUBLIC)))
    return any(_is_signed(public, one, signed) for version, one in given if version == "v1a")


def _is_signed(public: Ed25519PublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        public.verify(signature, signed)
    except InvalidSignature:
        return False
    return True


register(Standard())
