"""Secrets in a webhook trigger's configuration: in their place stands a mask, the values are stored apart, encrypted.

{"webhook_config": {"secret": "whsec_abc..."}}  ->  {"webhook_config": {"secret": "[secret …f00d]"}}
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from config.lib import json
from triggers.webhook_types import WebhookType

_MASK = re.compile(r"\[secret(?: …[^\]]{4})?\]")
_LONG_ENOUGH_TO_HINT = 16


def is_mask(value: Any) -> bool:
    return isinstance(value, str) and _MASK.fullmatch(value) is not None


def seal(config: Mapping[str, Any], kind: WebhookType) -> tuple[dict[str, Any], str]:
    """(the configuration with masks, the secrets as JSON text or nothing)."""
    given = dict(config.get("webhook_config", {}))
    found = {name: given[name] for name in kind.secret_fields if given.get(name)}
    masked = given | {name: mask(str(value)) for name, value in found.items()}
    return {**config, "webhook_config": masked}, json.dumps(found).decode() if found else ""


def mask(secret: str) -> str:
    return f"[secret …{secret[-4:]}]" if len(secret) >= _LONG_ENOUGH_TO_HINT else "[secret]"


def opened(config: Mapping[str, Any], *, sealed: str) -> dict[str, Any]:
    """The configuration with its secrets in place of their own masks; a mask of anything else stays."""
    known: dict[str, Any] = json.loads(sealed.encode()) if sealed else {}
    given = config.get("webhook_config", {})
    if not isinstance(given, Mapping):
        return dict(config)
    filled = {
        name: known[name] if name in known and value == mask(str(known[name])) else value
        for name, value in given.items()
    }
    return {**config, "webhook_config": filled}
