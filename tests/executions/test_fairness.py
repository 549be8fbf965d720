from __future__ import annotations

import datetime as dt
import uuid

import pytest

from executions.fairness import Rooms, share_out
from executions.gates import ClaimGate, Ready, Room
from executions.models import Reason
from executions.places import Shares

A, B = uuid.UUID(int=1), uuid.UUID(int=2)
T, U = uuid.UUID(int=11), uuid.UUID(int=12)
LATER = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)


def row(
    position: int,
    *,
    agent: uuid.UUID = A,
    trigger: uuid.UUID = T,
    attempt: int = 0,
    resumes: bool = False,
) -> Ready:
    return Ready(
        uuid.UUID(int=1000 + position),
        agent,
        trigger,
        position,
        attempt,
        resumes,
        is_test=False,
        created_at=LATER,
    )


def rooms(name: str = "window", *, resumes_count: bool = True, **by_key: Room) -> Rooms:
    keys = {"a": ("agent", A), "b": ("agent", B), "t": ("trigger", T), "u": ("trigger", U)}
    gate = ClaimGate(name, lambda _asked: {}, lambda ready: resumes_count or not ready.resumes)
    return Rooms(gate, {keys[key]: room for key, room in by_key.items()})


def positions(chosen: list[Ready]) -> list[int]:
    return [ready.position for ready in chosen]


def test_agents_take_turns() -> None:
    ready = [row(1), row(2), row(3), row(4, agent=B), row(5, agent=B)]
    share = share_out(ready, turns=[B, A], measured=[], places=3)
    assert positions(share.chosen) == [4, 1, 5]
    assert share.left == {A}


def test_an_agent_keeps_the_order_of_its_queue() -> None:
    ready = [row(n) for n in range(5)]
    assert positions(share_out(ready, turns=[A], measured=[], places=10).chosen) == [0, 1, 2, 3, 4]


def test_a_full_trigger_does_not_hold_up_the_agents_other_triggers() -> None:
    ready = [row(1), row(2), row(3, trigger=U)]
    share = share_out(ready, turns=[A], measured=[rooms(t=Room(1))], places=10)
    assert positions(share.chosen) == [1, 3]
    assert share.blocked[A].free_at is None


def test_a_full_window_says_when_it_is_free_again() -> None:
    share = share_out([row(1)], turns=[A], measured=[rooms(a=Room(0, free_at=LATER))], places=10)
    assert share.chosen == []
    assert (share.blocked[A].free_at, share.blocked[A].gates) == (LATER, {"window"})


def test_a_full_day_has_a_reason() -> None:
    measured = [rooms("daily_limit", a=Room(1, reason=Reason.DAILY_LIMIT))]
    share = share_out([row(1), row(2)], turns=[A], measured=measured, places=10)
    assert positions(share.chosen) == [1]
    assert positions(share.blocked[A].refused["daily_limit"]) == [2]


def test_going_on_takes_no_place_in_a_window() -> None:
    measured = [rooms(resumes_count=False, a=Room(0, free_at=LATER))]
    share = share_out([row(1, resumes=True)], turns=[A], measured=measured, places=10)
    assert positions(share.chosen) == [1]


@pytest.mark.parametrize("places", [1, 2, 7, 100])
def test_never_more_than_the_places(places: int) -> None:
    ready = [row(n, agent=A if n % 3 else B) for n in range(30)]
    share = share_out(ready, turns=[A, B], measured=[], places=places)
    assert len(share.chosen) == min(places, 30)
    assert len(set(positions(share.chosen))) == len(share.chosen)


def test_an_agent_takes_no_more_than_its_share() -> None:
    ready = [row(1), row(2), row(3), row(4, agent=B), row(5, agent=B)]
    share = share_out(ready, turns=[A, B], measured=[], places=10, shares=Shares(4, 4))
    assert positions(share.chosen) == [1, 4], "one place is left for the next agent"
    assert share.left == {A, B}, "they have more that could start elsewhere"
    assert not share.blocked
