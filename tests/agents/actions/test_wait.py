"""Going on later."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from agents.actions import ActionFailed, Wait
from crm.models import Workspace
from tests.agents.scenes import perform, problems, scene

ACME = Workspace(name="Acme", slug="acme")


def test_asks_for_the_time_and_the_second_pass_goes_on() -> None:
    before = dt.datetime.now(dt.UTC)
    with pytest.raises(Wait) as waiting:
        perform("wait", scene(ACME), days=1, hours="6")
    assert abs(waiting.value.until - before - dt.timedelta(hours=30)) < dt.timedelta(seconds=5)

    began = before - dt.timedelta(hours=30)
    assert perform("wait", scene(ACME, started_at=began), days=1, hours=6)["waited_until"]


def test_a_pass_that_comes_too_early_waits_for_the_same_moment() -> None:
    began = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5)
    with pytest.raises(Wait) as waiting:
        perform("wait", scene(ACME, started_at=began), minutes=10)
    assert waiting.value.until == began + dt.timedelta(minutes=10)


def test_until() -> None:
    tomorrow = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    with pytest.raises(Wait) as waiting:
        perform("wait", scene(ACME), until=tomorrow.isoformat())
    assert waiting.value.until == tomorrow
    assert perform("wait", scene(ACME), until="2020-01-01")["waited_until"].startswith(
        "2020-01-01T00:00"
    )


@pytest.mark.parametrize(
    "params, message",
    [
        ({"minutes": "a while"}, "minutes is a number"),
        ({"minutes": -1}, "minutes is -1"),
        ({"seconds": True}, "seconds is a number"),
        ({"days": 367}, "366"),
        ({"hours": 10**9}, "hours is"),
        ({"until": "9999-01-01"}, "366 days at most"),
        ({"until": "soon"}, "until is a date"),
    ],
)
def test_what_does_not_fit_fails_in_words(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ActionFailed, match=message):
        perform("wait", scene(ACME), **params)


def test_checked_on_save() -> None:
    assert "" in problems("wait", ACME)
    assert "until" in problems("wait", ACME, hours=1, until="2026-11-03")
    assert not problems("wait", ACME, hours=1)
