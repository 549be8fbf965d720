"""A mail provider tells of bounces; each one is also an event `email.bounced`. Signed as `generic` is.

The shapes of several providers are understood: `{"email", "reason"}`, a list of such, and `{"event-data": {...}}`.
"""

from __future__ import annotations

from typing import Any

from triggers.webhook_types import JSON, Incoming, register, text_of
from triggers.webhook_types.generic import HEADER, Generic

_BOUNCES = {
    "bounce",
    "bounced",
    "hardbounce",
    "hard_bounce",
    "softbounce",
    "soft_bounce",
    "failed",
    "dropped",
}
MOST = 1000


class Bounce(Generic):
    name = "bounce"
    label = "Bounced e-mail"
    setup = (
        "Have your mail provider POST its bounces to the address: JSON with email and reason, signed with the secret "
        f"in the header {HEADER} (HMAC-SHA256, hexadecimal). Each one is an event email.bounced."
    )
    content_types = (JSON,)

    def parse(self, request: Incoming, body: Any) -> dict[str, Any]:
        found = self.bounced(body)
        return {
            "bounces": [{"email": one["email"]["to"][0], "error": one["error"]} for one in found]
        }

    def bounced(self, body: Any) -> list[dict[str, Any]]:
        entries = body if isinstance(body, list) else [body]
        return [payload for entry in entries[:MOST] if (payload := _payload(entry))]

    def sample(self) -> tuple[dict[str, str], Any]:
        return {}, {
            "event": "bounced",
            "email": "ann@example.org",
            "reason": "550 No such mailbox",
            "subject": "Welcome",
        }


def _first_text(entry: Any, *names: str) -> str:
    for name in names:
        found = text_of(entry, name)
        if isinstance(found, str) and found:
            return found
    return ""


def _payload(entry: Any) -> dict[str, Any] | None:
    inner = text_of(entry, "event-data")
    entry = inner if isinstance(inner, dict) else entry
    kind = _first_text(entry, "event", "type", "RecordType", "record_type").casefold()
    to = _first_text(entry, "email", "recipient", "Email", "to")
    if "@" not in to or len(to) > 320 or (kind and kind not in _BOUNCES):
        return None
    reason = _first_text(entry, "reason", "error", "Description", "description", "response")
    told = text_of(entry, "delivery-status")
    reason = reason or _first_text(told, "message", "description") or "bounced"
    subject = _first_text(entry, "subject", "Subject")
    return {
        "email": {"to": [to], "subject": subject[:998]},
        "error": reason[:2000],
        "execution_id": None,
    }


register(Bounce())
