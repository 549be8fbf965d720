"""What messages are known by, so that one that comes again is not a second event.

An id counts at one place only: the same id in another queue, or at another server, is another message. Who logs in
there is no part of the place, so that a new password or user changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from config.lib import json
from triggers.sources.message_queue.address import Address
from triggers.sources.message_queue.kinds import Message

_LONGEST = 64  # of an id that is used as it is


def of_message(message: Message) -> str:
    """Among the dead letters of a trigger, and in a batch."""
    if message.id and len(message.id) <= _LONGEST:
        return message.id
    named = message.id.encode() or (
        message.body if isinstance(message.body, bytes) else json.dumps(message.body)
    )
    return hashlib.sha256(named).hexdigest()


def of_event(message: Message, place: str) -> str:
    """Empty where the message has no id."""
    return f"{of_message(message)}.{message.stamp}@{place}" if message.id else ""


def of_batch(messages: Sequence[Message], place: str) -> str:
    """Empty where not all of them have ids."""
    ids = [f"{one.id}.{one.stamp}" for one in messages if one.id]
    return f"{_digest(*ids)}@{place}" if len(ids) == len(messages) else ""


def of_place(config: dict[str, Any], at: Address) -> str:
    """Of one queue at one server."""
    hosts = sorted(f"{one.host}:{one.port}" for one in at.places)
    named = [*hosts, at.path, at.options.get("endpoint", "")]
    return _digest(config["queue_type"], config["queue_name"], *named)[:16]


def of_state(config: dict[str, Any], at: Address) -> str:
    """What a stored state belongs to: it is of no use at another place, nor to another group of readers."""
    readers = (str(config.get(name, "")) for name in ("redis_mode", "consumer_group"))
    return _digest(of_place(config, at), *readers)[:32]


def _digest(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()
