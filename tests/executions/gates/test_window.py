from __future__ import annotations

import datetime as dt

import pytest

from executions.gates import Room
from executions.gates.window import room_in_window

MINUTE = dt.timedelta(seconds=60)
NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


def at(*seconds: int) -> list[dt.datetime]:
    return [NOON + dt.timedelta(seconds=second) for second in seconds]


@pytest.mark.parametrize(
    ("starts", "limit", "room"),
    [
        ([], 3, Room(3)),
        (at(0, 1), 3, Room(1)),
        (at(0, 1, 2), 3, Room(0, free_at=NOON + MINUTE)),
        (at(0, 1, 2, 3), 3, Room(0, free_at=NOON + MINUTE + dt.timedelta(seconds=1))),
        (at(0), 0, Room(0)),
    ],
    ids=["empty", "some", "full", "the limit was lowered", "nothing is allowed"],
)
def test_room(starts: list[dt.datetime], limit: int, room: Room) -> None:
    newest = starts[-limit:] if limit else []
    counted, oldest = len(newest), min(newest, default=None)
    assert room_in_window(counted, oldest, limit=limit, window=MINUTE) == room
