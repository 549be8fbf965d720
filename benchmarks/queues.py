"""How fast the messages of each kind of queue become events and runs, and what 200 sources cost one listener.

The peers are this machine's own and count: Valkey, librdkafka's mock of Kafka in this process, moto's of SQS. A peer or
a client that is not there is named, and not measured.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import socket
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import urlsplit

from agents.models import Agent
from benchmarks import watching
from benchmarks.figures import Figures
from config.lib.ids import uuid7
from executions.models import TERMINAL, Execution
from tests.peers import Kafka, Sqs, Valkey, folder
from triggers import blueprint
from triggers.models import Event, Trigger

MESSAGES, MESSAGES_OF_MOTO = 5_000, 1_000  # moto itself takes a while for each
SOURCES = 200
REST_SECONDS = 60.0
RABBITMQ = "amqp://guest:guest@127.0.0.1:5672/"

Config = dict[str, Any]
Filled = AbstractContextManager[tuple[Config, int]]  # a queue, and how many messages wait in it


def rates(like: Trigger) -> dict[str, Figures]:
    """By the kind's title, which says why where it was not measured."""
    _notify(like)
    found: dict[str, Figures] = {}
    for title, module, filled in _KINDS:
        if importlib.util.find_spec(module) is None:
            found[f"{title}: not measured, {module} is not installed"] = {}
            continue
        try:
            with filled() as (config, count):
                found[f"{count:,} messages of {title}"] = _rate(like, config, count)
        except (ConnectionError, TimeoutError):
            found[f"{title}: not measured, nobody answers"] = {}
    return found


def _rate(like: Trigger, config: Config, count: int) -> Figures:
    """All wait there when the trigger is made; time runs from the first event."""
    listener = watching.listener()
    trigger = _trigger(like, config)
    events = Event.objects.filter(topic=trigger.topic)
    ended = Execution.objects.filter(trigger=trigger, status__in=TERMINAL)
    watching.wait(events.exists, what=f"a first event of {config['queue_type']}")
    first, began = events.count(), time.monotonic()
    with watching.cpu(listener) as used:
        watching.wait(lambda: events.count() >= count, what="all events")
        stored = time.monotonic() - began
    watching.wait(lambda: ended.count() >= count, what="all runs")
    ran = time.monotonic() - began
    trigger.delete()
    return {
        "messages made events per second": (count - first) / stored,
        "of which runs ended, per second": count / ran,
        "CPU of the listener per message (us)": 1e6 * used[0] / (count - first),
    }


def at_rest(like: Trigger) -> Figures:
    """Lists of one Valkey, each with a connection of its own, and nothing in them."""
    listener = watching.listener()
    before, none = watching.working(), watching.memory(listener)
    with _valkey() as server:
        began = time.monotonic()
        for number in range(SOURCES):
            _trigger(like, _config("redis", server.url, f"q{number}"))
        made = time.monotonic() - began
        watching.wait(lambda: watching.working() >= before + SOURCES, what="all are listened to")
        all_work = time.monotonic() - began
        with watching.cpu(listener) as rest:
            time.sleep(REST_SECONDS)
        return {
            "until all are made (s)": made,
            "until all are listened to (s)": all_work,
            "memory of the listener before (MiB)": none,
            "memory with all (MiB)": watching.memory(listener),
            "CPU at rest (% of one core)": 100 * rest[0] / REST_SECONDS,
        }


def _notify(like: Trigger) -> None:
    step = {"action": "notify", "params": {"message": "A message came"}}
    Agent.objects.filter(pk=like.agent_id).update(steps=[step])


def _config(kind: str, url: str, name: str, **more: Any) -> Config:
    return {"queue_type": kind, "connection_url": url, "queue_name": name, **more}


def _trigger(like: Trigger, config: Config) -> Trigger:
    trigger = Trigger(workspace=like.workspace)
    blueprint.store(
        trigger,
        {
            "name": f"Queue {uuid7()}",
            "agent_id": str(like.agent_id),
            "trigger_type": "message_queue",
            "config": config,
            "max_executions_per_hour": None,
        },
    )
    return trigger


def _numbers(count: int) -> Sequence[str]:
    return [f'{{"order": {number}}}' for number in range(count)]


@contextlib.contextmanager
def _valkey() -> Iterator[Valkey]:
    at = folder()
    server = Valkey(at)
    try:
        yield server
    finally:
        server.kill()
        shutil.rmtree(at, ignore_errors=True)


@contextlib.contextmanager
def _list() -> Iterator[tuple[Config, int]]:
    with _valkey() as server:
        server.client.rpush("orders", *_numbers(MESSAGES))
        yield _config("redis", server.url, "orders"), MESSAGES


@contextlib.contextmanager
def _stream() -> Iterator[tuple[Config, int]]:
    with _valkey() as server:
        pipe = server.client.pipeline(transaction=False)
        for body in _numbers(MESSAGES):
            pipe.xadd("log", {"body": body})
        pipe.execute()
        yield (
            _config("redis", server.url, "log", redis_mode="stream", start_at="oldest"),
            MESSAGES,
        )


@contextlib.contextmanager
def _rabbitmq() -> Iterator[tuple[Config, int]]:
    import amqp

    url, name = os.environ.get("RABBITMQ_URL", RABBITMQ), f"tf-bench-{uuid.uuid4()}"
    at = urlsplit(url)
    place = at.hostname or "127.0.0.1", at.port or 5672
    socket.create_connection(place, timeout=2).close()
    user, password = at.username or "guest", at.password or "guest"
    with amqp.Connection(f"{place[0]}:{place[1]}", user, password) as connection:
        channel = connection.channel()
        channel.queue_declare(name, durable=True, auto_delete=False)
        try:
            for number, body in enumerate(_numbers(MESSAGES)):
                message = amqp.Message(body, delivery_mode=2, message_id=str(number))
                channel.basic_publish(message, routing_key=name)
            yield _config("rabbitmq", url, name), MESSAGES
        finally:
            connection.channel().queue_delete(name)


@contextlib.contextmanager
def _kafka() -> Iterator[tuple[Config, int]]:
    cluster = Kafka()
    try:
        cluster.send("orders", *(body.encode() for body in _numbers(MESSAGES)))
        yield _config("kafka", f"kafka://{cluster.address}", "orders", start_at="oldest"), MESSAGES
    finally:
        cluster.close()


@contextlib.contextmanager
def _sqs() -> Iterator[tuple[Config, int]]:
    server = Sqs()
    try:
        url = server.client().create_queue(QueueName="orders")["QueueUrl"]
        server.send(url, _numbers(MESSAGES_OF_MOTO))
        yield _config("sqs", server.url, "orders"), MESSAGES_OF_MOTO
    finally:
        server.close()


_KINDS: Sequence[tuple[str, str, Callable[[], Filled]]] = (
    ("a Redis list", "redis", _list),
    ("a Redis stream", "redis", _stream),
    ("RabbitMQ", "aio_pika", _rabbitmq),
    ("Kafka (mock)", "confluent_kafka", _kafka),
    ("SQS (moto)", "moto", _sqs),
)
