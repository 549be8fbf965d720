"""Triggers on queues, and what came of their messages."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_django import Settings

from tests.peers import Kafka, Sqs, Valkey, folder
from tests.stories import MakeAgent
from triggers import blueprint
from triggers.models import Event, Trigger

MakeQueue = Callable[..., Trigger]


@pytest.fixture
def loopback_is_open(settings: Settings) -> None:
    settings.OUTBOUND_ALLOW = ["127.0.0.1"]


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    at = folder()
    server = Valkey(at)
    yield server
    server.kill()
    shutil.rmtree(at, ignore_errors=True)


@pytest.fixture
def kafka() -> Iterator[Kafka]:
    cluster = Kafka()
    yield cluster
    cluster.close()


@pytest.fixture
def sqs() -> Iterator[Sqs]:
    server = Sqs()
    yield server
    server.close()


@pytest.fixture
def make_queue(make_agent: MakeAgent, loopback_is_open: None) -> MakeQueue:
    """`make_queue("redis", url, "orders", redis_mode="stream")`: an active trigger on a queue."""
    agents: list[Any] = []

    def make(kind: str, url: str, name: str, **config: Any) -> Trigger:
        if not agents:
            limits = {"max_executions_per_minute": None, "max_executions_per_day": None}
            agents.append(make_agent("Reader", restrictions=limits))
        trigger = Trigger(workspace=agents[0].workspace)
        given = {"queue_type": kind, "connection_url": url, "queue_name": name, **config}
        blueprint.store(
            trigger,
            {
                "name": f"{kind} {name}",
                "agent_id": str(agents[0].pk),
                "trigger_type": "message_queue",
                "config": given,
                "max_executions_per_hour": None,
            },
        )
        return trigger

    return make


def bodies(trigger: Trigger) -> list[Any]:
    """Of the events of a trigger, in the order of their recording."""
    rows = Event.objects.filter(topic=trigger.topic).order_by("pk")
    return [payload["body"] for payload in rows.values_list("payload", flat=True)]
