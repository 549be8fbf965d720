from __future__ import annotations

import time
import uuid
from collections import Counter

import pytest

from executions import places
from executions.places import Places, Shares

A, B, C, D = (uuid.UUID(int=n) for n in (1, 2, 3, 4))


def ids(count: int) -> list[uuid.UUID]:
    return [uuid.uuid4() for _ in range(count)]


def grow_up(monkeypatch: pytest.MonkeyPatch, seconds: float = places.YOUNG_SECONDS) -> None:
    now = time.monotonic() + seconds
    monkeypatch.setattr(time, "monotonic", lambda: now)


@pytest.mark.parametrize(
    ("held", "agent_id", "most"),
    [
        ({}, A, 250),
        ({A: 100}, A, 250),
        ({A: 250}, B, 125),
        ({A: 250, B: 125}, C, 62),
        ({A: 250, B: 125, C: 124}, D, 1),
        ({A: 400}, A, 400),
    ],
)
def test_an_agent_has_half_of_what_the_others_leave(
    held: dict[uuid.UUID, int], agent_id: uuid.UUID, most: int
) -> None:
    shares = Shares(500, 500, Counter(held))
    while shares.allows(agent_id):
        shares.take(agent_id)
    assert shares.held[agent_id] == most
    assert agent_id in shares.sated()


def test_agents_that_take_turns_have_equal_shares_and_leave_one() -> None:
    shares = Shares(60, 60)
    for _ in range(60):
        for agent_id in (A, B, C):
            if shares.allows(agent_id):
                shares.take(agent_id)
    assert shares.held == Counter({A: 15, B: 15, C: 15})
    assert shares.allows(D)


@pytest.mark.parametrize("slots", [10, 60, 500])
def test_agents_that_ask_models_leave_a_fifth_to_others(slots: int) -> None:
    """However many there are, and in whatever order they come."""
    sits = Places(slots)
    for _ in range(30):
        agent_id = uuid.uuid4()
        shares = sits.shares()
        shares.thinkers = {agent_id}
        while shares.allows(agent_id):
            shares.take(agent_id)
            sits.take(uuid.uuid4(), agent_id, asks=True)
    shares = sits.shares()
    assert shares.thinking == shares.held.total() == places.most_thinking(slots) == slots * 4 // 5
    assert shares.is_all_thought
    assert shares.allows(A)


def test_who_asked_a_model_leaves_room_for_the_next() -> None:
    sits = Places(2)
    run = uuid.uuid4()
    sits.take(run, A, asks=True)
    assert sits.shares().is_all_thought
    sits.leave(run)
    assert not sits.shares().is_all_thought


def test_a_process_with_one_place_gives_it() -> None:
    shares = Places(1).shares()
    shares.thinkers = {A}
    assert shares.allows(A)


def test_only_so_many_begin_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sits = Places(500)
    for run in ids(places.YOUNG - 1):
        sits.take(run, A)
    assert sits.shares().free == 1
    assert sits.shares(reserved=1).free == 0
    assert sits.seconds_until_more() is None
    sits.take(uuid.uuid4(), A)
    assert sits.shares().free == 0
    wait = sits.seconds_until_more()
    assert wait is not None
    assert 0 < wait <= places.YOUNG_SECONDS
    grow_up(monkeypatch, wait)
    assert sits.shares().free > 0


def test_those_that_wait_are_in_nobodys_way_until_all_places_are_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sits = Places(120)
    runs = ids(120)
    for run in runs[:100]:
        sits.take(run, A)
    grow_up(monkeypatch)
    assert sits.shares().free == 20
    for run in runs[100:]:
        sits.take(run, B)
    assert sits.shares().free == 0
    assert sits.seconds_until_more() is None, "time brings nothing, an end does"
    sits.leave(runs[0])
    assert sits.shares().free == 1
    assert sits.shares().held == Counter({A: 99, B: 20})


def test_a_run_whose_agent_is_gone_takes_a_place_too() -> None:
    sits = Places(2)
    sits.take(uuid.uuid4(), None)
    assert sits.shares().free == 1
    assert not sits.shares().held
