"""How each sender signs, written down from its own documentation and sharing nothing with `triggers.webhook_types`.

What may be said of a signature: `by` whom, `secret`, `at` (seconds from now), `over` another body, `times` it is given,
`cut` characters from its end, `upper`, and `form` for what a scheme writes in another way.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from typing import Any

SECRETS = {
    "generic": "the secret of generic",
    "github": "It's a Secret to Everybody",
    "slack": "8f742231b10e8888abcd99yyyzzz85a5",
    "telegram": "telegram-secret_1",
    "stripe": "whsec_test_secret",
    "standard": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "bounce": "the secret of bounce",
}
Said = Mapping[str, Any]
Headers = list[tuple[str, str]]


def headers(body: bytes, said: Said) -> Headers:
    """The headers that prove a body, as far as `said` leaves them right."""
    by = said["by"]
    secret = said.get("secret", SECRETS[by])
    signed = str(said["over"]).encode() if "over" in said else body
    found = _SCHEMES[by](secret, signed, str(int(time.time()) + said.get("at", 0)), said)
    return [one for one in found for _ in range(said.get("times", 1))]


def _hex(secret: str, signed: bytes, said: Said) -> str:
    digest = hmac.new(secret.encode(), signed, said.get("digest", "sha256")).hexdigest()
    digest = digest.upper() if said.get("upper") else digest
    return digest[: len(digest) - said.get("cut", 0)]


def _generic(secret: str, signed: bytes, now: str, said: Said) -> Headers:
    return [("X-Webhook-Signature", said.get("form", "{}").format(_hex(secret, signed, said)))]


def _github(secret: str, signed: bytes, now: str, said: Said) -> Headers:
    return [
        ("X-Hub-Signature-256", said.get("form", "sha256={}").format(_hex(secret, signed, said)))
    ]


def _slack(secret: str, signed: bytes, now: str, said: Said) -> Headers:
    base = f"v0:{now}:".encode() + signed
    return [
        ("X-Slack-Request-Timestamp", said.get("says_at", now)),
        ("X-Slack-Signature", said.get("form", "v0={}").format(_hex(secret, base, said))),
    ]


def _telegram(secret: str, signed: bytes, now: str, said: Said) -> Headers:
    token = secret.upper() if said.get("upper") else secret
    return [("X-Telegram-Bot-Api-Secret-Token", token[: len(token) - said.get("cut", 0)])]


def _stripe(secret: str, signed: bytes, now: str, said: Said) -> Headers:
    digest = _hex(secret, f"{now}.".encode() + signed, said)
    form = said.get("form", "t={now},v1={v1}")
    return [("Stripe-Signature", form.format(now=said.get("says_at", now), v1=digest))]


def _standard(secret: str, signed: bytes, now: str, said: Said) -> Headers:
    name = str(said.get("name", "msg_" + hashlib.sha256(signed + now.encode()).hexdigest()[:20]))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    base = f"{said.get('signed_name', name)}.{now}.".encode() + signed
    digest = base64.b64encode(hmac.new(key, base, hashlib.sha256).digest()).decode()
    digest = digest[: len(digest) - said.get("cut", 0)]
    return [
        ("webhook-id", name),
        ("webhook-timestamp", said.get("says_at", now)),
        ("webhook-signature", said.get("form", "v1,{}").format(digest)),
    ]


_SCHEMES: dict[str, Callable[[str, bytes, str, Said], Headers]] = {
    "generic": _generic,
    "github": _github,
    "slack": _slack,
    "telegram": _telegram,
    "stripe": _stripe,
    "standard": _standard,
    "bounce": _generic,
}
