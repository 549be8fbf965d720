"""Telegram: the secret token that was told to `setWebhook` comes back in `X-Telegram-Bot-Api-Secret-Token`."""

from __future__ import annotations

from typing import Any

from triggers import signatures
from triggers.webhook_types import (
    JSON,
    PREVIOUS,
    Config,
    Incoming,
    Unverified,
    WebhookType,
    register,
    secrets_of,
    text_of,
)

_HEADER = "X-Telegram-Bot-Api-Secret-Token"
_KINDS = ("message", "edited_message", "channel_post", "edited_channel_post")
_FILES = ("document", "photo", "video", "audio", "voice")


class Telegram(WebhookType):
    name = "telegram"
    label = "Telegram"
    setup = (
        "Ask @BotFather for a bot and copy its token to here. Then call https://api.telegram.org/bot<token>/setWebhook "
        "with url (the address) and secret_token (the secret given here: letters, digits, _ and -)."
    )
    config_fields = {
        "secret": {
            "type": "string",
            "title": "Secret token",
            "pattern": "^[A-Za-z0-9_-]{1,256}$",
            "x-secret": True,
        },
        "previous_secret": PREVIOUS,
        "bot_token": {
            "type": "string",
            "title": "Bot token",
            "pattern": "^[0-9]{6,12}:[A-Za-z0-9_-]{30,64}$",
            "x-secret": True,
        },
        "allowed_updates": {
            "type": "array",
            "title": "Kinds of updates",
            "description": "Such as message or callback_query: others are answered and listed, and start nothing.",
            "items": {"type": "string"},
            "maxItems": 50,
        },
    }
    required_fields = ("secret", "bot_token")
    content_types = (JSON,)
    signature_headers = ("x-telegram-bot-api-secret-token",)
    accepted_status = 200

    def verify(self, request: Incoming, config: Config, *, now: float) -> None:
        given = request.header(_HEADER).encode("utf-8", "replace")
        if not signatures.any_equal([given], [one.encode() for one in secrets_of(config)]):
            raise Unverified(
                "The secret token does not fit." if given else "The secret token is missing."
            )

    def sign(self, body: bytes, config: Config, *, now: float) -> dict[str, str]:
        return {_HEADER: secrets_of(config)[0]}

    def delivery_id(self, request: Incoming, body: Any) -> str:
        update = text_of(body, "update_id")
        return str(update) if isinstance(update, int) else ""

    def unwanted(self, body: Any, config: Config) -> str:
        allowed = config.get("allowed_updates")
        kind = _kind_of(body)
        if not allowed or kind in allowed:
            return ""
        return f"The trigger takes updates of other kinds: {', '.join(allowed)}."

    def parse(self, request: Incoming, body: Any) -> dict[str, Any]:
        kind = _kind_of(body)
        message = text_of(body, kind) if kind in _KINDS else text_of(body, kind, "message")
        return {
            "update_id": text_of(body, "update_id"),
            "kind": kind,
            "chat_id": text_of(message, "chat", "id"),
            "user_id": text_of(body, kind, "from", "id"),
            "username": text_of(body, kind, "from", "username"),
            "text": text_of(message, "text") or text_of(message, "caption"),
            "data": text_of(body, kind, "data"),
            "message_id": text_of(message, "message_id"),
            "has_document": text_of(message, "document") is not None,
            "has_file": any(text_of(message, one) is not None for one in _FILES),
            **_file_of(message),
        }

    def answer(self, event_id: str) -> dict[str, Any]:
        return {"ok": True, "event_id": event_id}

    def sample(self) -> tuple[dict[str, str], dict[str, Any]]:
        return {}, {
            "update_id": 10000,
            "message": {
                "message_id": 1365,
                "from": {"id": 1111111, "username": "ann"},
                "chat": {"id": 1111111, "type": "private"},
                "date": 1441645532,
                "caption": "Please list the prices in this.",
                "document": {
                    "file_id": "BQACAgIAAxkBAAIB",
                    "file_name": "offer.pdf",
                    "mime_type": "application/pdf",
                    "file_size": 81920,
                },
            },
        }


def _file_of(message: Any) -> dict[str, Any]:
    """The file that a message brings; of a photo the largest size, which comes last. `getFile` tells where it lies."""
    kind = next((one for one in _FILES if text_of(message, one) is not None), "")
    found = text_of(message, kind, -1) if kind == "photo" else text_of(message, kind)
    return {
        "file_kind": kind,
        "file_id": text_of(found, "file_id"),
        "file_name": text_of(found, "file_name"),
        "file_type": text_of(found, "mime_type"),
        "file_size": text_of(found, "file_size"),
    }


def _kind_of(body: Any) -> str:
    """`message` of `{"update_id": 1, "message": {...}}`."""
    names = body if isinstance(body, dict) else ()
    return next((name for name in names if name != "update_id"), "")


register(Telegram())
