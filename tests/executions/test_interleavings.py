"""Any order of events, claims, ends, crashes and steps of the clock keeps the invariants, and in the end all rows end.

One process plays them all: two workers that claim and finish, a reaper that takes a dead one's runs away, a host
outside that goes and comes back, people who pause, cancel, replay, decide what is in doubt, and delete triggers and
agents. Each example runs in a savepoint that is rolled back. Always the same 15 examples; PROPERTY_EXAMPLES=1000
looks for others, and makes the one that fails as short as it can.
"""

from __future__ import annotations

import datetime as dt
import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from config.lib import clock
from tests.executions.company import NOON, Company

EXAMPLES = int(os.environ.get("PROPERTY_EXAMPLES", "0"))


@pytest.fixture
def stepped_clock(monkeypatch: pytest.MonkeyPatch, db: None) -> list[dt.datetime]:
    """The one clock of the house, moved by hand: `[now]`."""
    moment = [NOON]
    monkeypatch.setattr(clock, "now", lambda: moment[0])
    monkeypatch.setattr(clock, "reckoned", lambda: moment[0])
    monkeypatch.setattr(clock, "observed", lambda value: moment[0])
    return moment


@pytest.mark.timeout(3600 if EXAMPLES else 120)
def test_any_order_keeps_the_invariants(stepped_clock: list[dt.datetime]) -> None:
    Company.moment = stepped_clock
    run_state_machine_as_test(
        Company,
        settings=settings(
            max_examples=EXAMPLES or 15,
            stateful_step_count=40,
            derandomize=not EXAMPLES,
            phases=list(Phase) if EXAMPLES else [Phase.generate],
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
