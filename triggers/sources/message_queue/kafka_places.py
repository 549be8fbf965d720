"""How far the partitions of a topic were read, and whether they are still those, by the message that was read last.

A topic that was deleted and made anew counts from 0 again. Where it has grown beyond the place up to which the old one
was read, its end does not tell; another message at the place of the last one does.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from triggers.sources.message_queue.kinds import Message

log = logging.getLogger(__name__)
_SLICE_SECONDS = 0.2


def stamp(message: Any) -> str:
    """When it was made, in milliseconds; empty where its broker does not say."""
    kind, at = message.timestamp()
    return str(at) if kind else ""


def after(messages: Sequence[Message]) -> dict[str, int]:
    """Where each partition goes on after these, by its number as text."""
    return {str(partition): offset + 1 for partition, offset in (one.handle for one in messages)}


def stamps(messages: Sequence[Message]) -> dict[str, str]:
    """Of the last one of each partition."""
    return {str(one.handle[0]): one.stamp for one in messages}


def stamps_at(consumer: Any, places: Sequence[Any], *, seconds: float) -> dict[str, str]:
    """When the messages at these places were made, by partition. A place beyond the end would be waited for.

    What has let its message go, or does not answer in `seconds`, is left out. The consumer is assigned nothing then.
    """
    asked = {str(one.partition): one for one in places}
    seen: list[Any] = []
    found: dict[str, str] = {}
    consumer.assign(list(asked.values()))
    until = time.monotonic() + seconds
    while asked and time.monotonic() < until:
        for one in consumer.consume(len(asked), _SLICE_SECONDS):
            number = str(one.partition())
            if one.error() is not None or number not in asked:
                continue
            place = asked.pop(number)
            if one.offset() == place.offset:
                found[number] = stamp(one)
            seen.append(place)
            consumer.pause([place])  # the rest of it is of no interest here
    if asked:
        log.warning("partitions do not tell what was read last", extra={"partitions": list(asked)})
    consumer.resume(seen)
    consumer.unassign()
    return found


def changed(
    offsets: Mapping[str, int],
    ends: Mapping[str, tuple[int, int]],
    known: Mapping[str, str],
    found: Mapping[str, str],
) -> set[str]:
    """Partitions that are to be read from their beginning.

    `offsets`: where reading would go on; `ends`: the first message there is and the place after the last one; `known`
    and `found`: the stamp of the message before, as it was read and as it is now. Where nothing is as it was, the topic
    was made anew, all of it; else some partitions have lost messages.
    """
    other = {number for number, offset in offsets.items() if offset > ends[number][1]}
    same: set[str] = set()
    for number, is_now in found.items():
        if was := known.get(number):
            (same if is_now == was else other).add(number)
    return set(offsets) if other and not same else other
