"""Ticks that gathered while no worker was there are one sweep."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest

from config.lib import clock
from executions import sweep
from executions.models import AgentGate, Execution
from triggers.models import Trigger, TriggerStatus


@pytest.mark.django_db
def test_gathered_ticks_sweep_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "_swept_at", None)
    moments = iter([100.0, 100.1, 101.0])
    swept = [sweep.sweep_if_due(monotonic=lambda: next(moments)) for _ in range(3)]
    assert swept == [True, False, True]


@pytest.mark.django_db
def test_a_clock_that_was_set_back_keeps_no_agent_asleep(start: Callable[..., Execution]) -> None:
    execution = start({"action": "notify", "params": {"message": "Hi"}})
    gate = AgentGate.objects.filter(pk=execution.agent_id)
    soon = clock.now() + dt.timedelta(seconds=50)  # as a claim asks for, where a window is full
    gate.update(next_eligible_at=soon)
    assert sweep.repair_gates() == 0
    gate.update(next_eligible_at=soon + dt.timedelta(hours=2))
    assert sweep.repair_gates() == 1
    assert gate.filter(next_eligible_at__lt=soon).exists()


@pytest.mark.django_db
def test_a_tick_looks_at_so_many_triggers_and_the_next_one_goes_on(
    start: Callable[..., Execution], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "BUSY_AT_ONCE", 2)
    monkeypatch.setattr(sweep, "_walked", {})
    for name in "ABCDE":
        start({"action": "notify", "params": {"message": "Hi"}}, name=name)
    AgentGate.objects.update(next_eligible_at=None)
    assert [sweep.repair_gates() for _ in range(4)] == [2, 2, 1, 0]
    Trigger.objects.update(status=TriggerStatus.PAUSED)
    assert [sweep.skip_unwanted() for _ in range(4)] == [2, 2, 1, 0]
