"""Names that programs send custom events to, and what a trigger may name of them."""

from __future__ import annotations

import re

from triggers import event_types
from triggers.models.trigger import heard_by

MAX_ENDPOINT = 100
# No colon: topics such as `webhook:<endpoint>` belong to other sources.
_ENDPOINT = re.compile(r"[a-z][a-z0-9_]*([.-][a-z0-9_]+)*\Z")
# As a trigger names it: `orders.*` hears orders.paid, where `heard_by` cuts a topic.
_WILDCARD = re.compile(r"[a-z][a-z0-9_]*([.-][a-z0-9_]+)*[._]\*\Z")
MALFORMED = (
    "Use lower-case letters, digits and _ in words joined by dots or dashes, beginning with a letter, "
    "such as 'user_events'."
)


def is_endpoint(name: str) -> bool:
    return len(name) <= MAX_ENDPOINT and _ENDPOINT.match(name) is not None


def problem_of(name: str) -> str | None:
    """What is wrong with the endpoint that a trigger names."""
    if _WILDCARD.match(name):
        taken = (kind for kind in event_types.registry if name in heard_by(kind))
        own = next((one for one in taken if event_types.registry.get(one).reserved), None)
        if own is None:
            return None
        return (
            f"It would hear {own!r} too, a built-in event. Use the trigger type 'event' for that."
        )
    if not is_endpoint(name):
        return MALFORMED
    kind = event_types.find(name)
    if kind and kind.reserved:
        return f"{kind.name!r} is a built-in event. Use the trigger type 'event' for it."
    return None
