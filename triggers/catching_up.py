"""What a due schedule does about the fires that are due: which it makes, how many it counts as missed. Pure.

A fire that is at most `on_time` late is simply made. Of those that are later, `latest` makes up for the last one if it
is at most `window` old, `all` for the last `most`, `none` for none; the rest is missed, and counted.
"""

from __future__ import annotations

import datetime as dt
import zlib
from collections import deque
from dataclasses import dataclass
from itertools import islice

from triggers import cron

COUNTED = 10_000  # at most so many are counted one by one
_REACH = dt.timedelta(days=7)  # what comes after those is looked at this far back


@dataclass(frozen=True, slots=True)
class Policy:
    """`catch_up` is latest, all or none."""

    catch_up: str
    on_time: dt.timedelta
    window: dt.timedelta
    most: int


@dataclass(frozen=True, slots=True)
class Plan:
    """`slots` are fired, oldest first; `next_slot` is None where the schedule has come to its end."""

    slots: tuple[dt.datetime, ...]
    missed: int
    next_slot: dt.datetime | None


def plan(
    schedule: cron.Schedule,
    policy: Policy,
    *,
    slot: dt.datetime,
    now: dt.datetime,
    ends_at: dt.datetime | None,
    delay: dt.timedelta = dt.timedelta(),
) -> Plan:
    """`slot` is the oldest that has not been fired; `delay` puts each fire off (its jitter)."""
    count, last, upcoming = _due(schedule, slot, now - delay, ends_at)
    due = list(last)
    if policy.catch_up == "all":
        made = due[-policy.most :] if policy.most else []
    else:
        allowed = policy.on_time if policy.catch_up == "none" else policy.window
        made = [due[-1]] if due and now - delay - due[-1] <= max(allowed, policy.on_time) else []
    return Plan(tuple(made), count - len(made), upcoming)


def _due(
    schedule: cron.Schedule, slot: dt.datetime, until: dt.datetime, ends_at: dt.datetime | None
) -> tuple[int, deque[dt.datetime], dt.datetime | None]:
    """How many slots there are up to `until`, the last thousand of them, and the one after."""
    last: deque[dt.datetime] = deque(maxlen=1000)
    count = 0
    moment: dt.datetime | None = slot
    while moment is not None and moment <= until and (ends_at is None or moment <= ends_at):
        last.append(moment)
        count += 1
        start = moment
        if count == COUNTED and until - _REACH > moment:
            start = until - _REACH  # down for so long that nobody asks for the exact number
        moment = cron.following(schedule, start)
    if moment is not None and ends_at is not None and moment > ends_at:
        moment = None
    return count, last, moment


def jitter(trigger_id: object, slot: dt.datetime, seconds: int) -> dt.timedelta:
    """The same for the same slot wherever it is reckoned: 0 to `seconds`."""
    if not seconds:
        return dt.timedelta()
    spread = zlib.crc32(f"{trigger_id}:{slot.timestamp():.0f}".encode())
    return dt.timedelta(seconds=spread % (seconds + 1))


def first_fires(
    schedule: cron.Schedule, *, after: dt.datetime, ends_at: dt.datetime | None, count: int
) -> list[dt.datetime]:
    """The next fires, as they are shown to people."""
    found = islice(cron.fires(schedule, after), count)
    return [moment for moment in found if ends_at is None or moment <= ends_at]
