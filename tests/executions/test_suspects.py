"""Runs that lost a worker have a process of their own: after one loss beside each other, after two alone."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable

import pytest

from config.lib import clock
from executions import executor
from executions.models import AgentGate, Execution, Losses, Status
from executions.places import Shares
from executions.suspects import TOGETHER, Claims

pytestmark = pytest.mark.django_db(transaction=True)
Start = Callable[..., Execution]
NOTIFY = {"action": "notify", "params": {"message": "Hi"}}


@pytest.fixture
def lost(start: Start) -> Callable[..., list[uuid.UUID]]:
    """Queued runs that lost so many workers, of one agent each."""

    numbers = itertools.count()

    def make(count: int, *, losses: int) -> list[uuid.UUID]:
        ids = [start(NOTIFY, name=f"N{next(numbers)}").pk for _ in range(count)]
        Execution.objects.filter(pk__in=ids).update(losses=losses, resumes=True)
        return ids

    return make


def claim(claims: Claims, *, is_busy: bool = False) -> list[uuid.UUID]:
    AgentGate.objects.update(next_eligible_at=clock.now())
    shares = Shares(TOGETHER, TOGETHER)
    return claims.claim(shares, lease=uuid.uuid4(), worker="w", is_busy=is_busy)


def test_after_one_loss_they_run_together(lost: Callable[..., list[uuid.UUID]]) -> None:
    ids = lost(3, losses=1)
    assert set(claim(Claims(suspects=True))) == set(ids)
    assert claim(Claims(suspects=False)) == []


def test_after_two_losses_each_runs_alone(lost: Callable[..., list[uuid.UUID]]) -> None:
    twice, once = lost(2, losses=2), lost(1, losses=1)
    claims = Claims(suspects=True)
    (first,) = claim(claims)
    assert claim(claims, is_busy=True) == [], "not even one that lost a single worker"
    (second,) = claim(claims)
    assert {first, second} == set(twice)
    assert claim(claims) == once


def test_who_is_to_run_alone_waits_for_the_others(lost: Callable[..., list[uuid.UUID]]) -> None:
    claims = Claims(suspects=True)
    once = lost(1, losses=1)
    assert claim(claims) == once
    more = lost(1, losses=1)
    assert claim(claims, is_busy=True) == more
    twice, late = lost(1, losses=2), lost(1, losses=1)
    assert claim(claims, is_busy=True) == [], "else its turn would never come"
    assert claim(claims) == twice
    assert claim(claims) == late


def test_who_cannot_begin_now_holds_nobody_up(lost: Callable[..., list[uuid.UUID]]) -> None:
    twice, once = lost(1, losses=2), lost(2, losses=1)
    agent = Execution.objects.get(pk=twice[0]).agent
    assert agent is not None
    AgentGate.objects.update(next_eligible_at=clock.now())
    type(agent).objects.filter(pk=agent.pk).update(status="paused")
    claims = Claims(suspects=True)
    assert set(claim(claims)) == set(once)


def test_all_of_them_end(lost: Callable[..., list[uuid.UUID]]) -> None:
    lost(TOGETHER + 3, losses=1)
    lost(2, losses=2)
    assert executor.drain(suspects=True) == TOGETHER + 5
    assert set(Execution.objects.values_list("status", flat=True)) == {Status.COMPLETED}
    assert not Execution.objects.suspects(Losses.ONE).exists()
