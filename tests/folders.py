"""Triggers on folders, and what came of their files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from tests.listeners import wait_until
from tests.stories import MakeAgent
from triggers import blueprint
from triggers.models import Event, Trigger, Watch

MakeWatch = Callable[..., Trigger]


@pytest.fixture
def root(tmp_path: Path, settings: Settings) -> Path:
    """The folder that the operator allowed."""
    made = tmp_path / "files"
    made.mkdir()
    settings.FILE_WATCH_ROOTS = [str(made)]
    return made


@pytest.fixture
def make_watch(make_agent: MakeAgent) -> MakeWatch:
    """`make_watch(root / "*.csv", events=["created"])`: an active trigger on files."""
    agents: list[Any] = []

    def make(path: Path | str, **config: Any) -> Trigger:
        if not agents:
            limits = {"max_executions_per_minute": None, "max_executions_per_day": None}
            agents.append(make_agent("Reader", restrictions=limits))
        trigger = Trigger(workspace=agents[0].workspace)
        blueprint.store(
            trigger,
            {
                "name": f"Files {Trigger.objects.count()}",
                "agent_id": str(agents[0].pk),
                "trigger_type": "file_watch",
                "config": {"path": str(path), "debounce_seconds": 0, **config},
                "max_executions_per_hour": None,
            },
        )
        return trigger

    return make


def is_watched(trigger: Trigger) -> bool:
    return Watch.objects.filter(pk=trigger.pk).exclude(works_since=None).exists()


def wait_for(trigger: Trigger) -> None:
    wait_until(lambda: is_watched(trigger))


def told(trigger: Trigger) -> list[tuple[str, str]]:
    """(what happened, name) of each event, in the order of their recording."""
    rows = Event.objects.filter(topic=trigger.topic).order_by("pk")
    return [(one["event"], one["name"]) for one in rows.values_list("payload", flat=True)]


def wait_told(trigger: Trigger, *expected: tuple[str, str]) -> None:
    """In any order; and not more than these."""
    wait_until(lambda: len(told(trigger)) >= len(expected), seconds=30)
    assert sorted(told(trigger)) == sorted(expected)
