"""RabbitMQ, through a link that we cut: the server itself is not ours to stop."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import amqp
import pytest

from tests.faults.link import Link
from tests.listeners import listening, process, wait_until
from tests.queues import MakeQueue, bodies
from triggers.models import Event, Watch

pytestmark = [
    pytest.mark.rabbitmq, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300),
]  # fmt: skip
MANY = 1_000
PART = MANY // 4  # after each, something dies


class Broker:
    """A queue of its own, gone at the end."""

    def __init__(self) -> None:
        at = urlsplit(os.environ["RABBITMQ_URL"])
        self.queue = f"tf-test-{uuid.uuid4()}"
        self.user, self.password = at.username or "guest", at.password or "guest"
        host, port = at.hostname or "127.0.0.1", at.port or 5672
        self.connection = amqp.Connection(f"{host}:{port}", self.user, self.password)
        self.connection.connect()
        self.channel = self.connection.channel()
        self.channel.queue_declare(self.queue, durable=True, auto_delete=False)
        self.wire = Link((host, port))

    @property
    def url(self) -> str:
        return f"amqp://{self.user}:{self.password}@127.0.0.1:{self.wire.port}/"

    def send(self, body: str, **properties: object) -> None:
        message = amqp.Message(body, delivery_mode=2, **properties)
        self.channel.basic_publish(message, routing_key=self.queue)

    def waiting(self) -> int:
        declared: Any = self.channel.queue_declare(self.queue, passive=True)
        return int(declared.message_count)

    def holds_nothing(self) -> bool:
        """Once nobody consumes, what was not acknowledged waits again: RabbitMQ takes its time for both."""
        declared: Any = self.channel.queue_declare(self.queue, passive=True)
        return not declared.consumer_count and not declared.message_count

    def close(self) -> None:
        self.channel.queue_delete(self.queue)
        self.connection.close()
        self.wire.close()


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()
    yield broker
    broker.close()


def test_messages_with_their_headers(broker: Broker, make_queue: MakeQueue) -> None:
    trigger = make_queue("rabbitmq", broker.url, broker.queue)
    with listening():
        headers = {"source": "shop"}
        broker.send('{"n": 1}', message_id="m-1", application_headers=headers)
        broker.send('{"n": 1}', message_id="m-1")  # sent twice, known by its id
        broker.send("text", content_type="text/plain")
        wait_until(lambda: Watch.objects.filter(received__gte=3).exists())
    assert bodies(trigger) == [{"n": 1}, "text"]
    payload = Event.objects.order_by("pk")[0].payload
    assert (payload["headers"], payload["message_id"]) == (headers, "m-1")


def test_what_no_client_can_read_holds_nothing_up(broker: Broker, make_queue: MakeQueue) -> None:
    """Each of these ended the connection, came again, and ended it again."""
    trigger = make_queue("rabbitmq", broker.url, broker.queue)
    broker.send("1", timestamp=2**64 - 1)
    broker.send("2", timestamp=253_402_300_800_000)  # in the year 10000
    broker.send("3", message_id=b"m-\xff", content_type=b"\xfe")
    broker.send("4", application_headers={b"\xff": "name", "a": "b"})
    broker.send("5", timestamp=1_767_603_600, message_id="good")
    with listening():
        wait_until(lambda: Event.objects.count() == 5)
        wait_until(lambda: broker.waiting() == 0)
    assert bodies(trigger) == [1, 2, 3, 4, 5]
    payloads = [event.payload for event in Event.objects.order_by("pk")]
    assert [one["sent_at"] for one in payloads] == [None] * 4 + ["2026-01-05T09:00:00.000000Z"]
    assert payloads[2]["message_id"] == r"m-\xff"
    assert payloads[3]["headers"] == {}
    assert Watch.objects.get().failures == 0
    wait_until(broker.holds_nothing, seconds=30)


def test_nothing_is_lost_or_doubled_by_kills_and_cuts(
    broker: Broker, make_queue: MakeQueue
) -> None:
    trigger = make_queue("rabbitmq", broker.url, broker.queue)
    with process(OUTBOUND_ALLOW="127.0.0.1", LISTENER_SECONDS="3") as listener:
        for start in range(0, MANY, PART):
            for number in range(start, start + PART):
                broker.send(str(number), message_id=f"m-{number}")
            wait_until(lambda at=start: Event.objects.count() > at)  # type: ignore[misc]
            if start // PART % 2:
                broker.wire.cut()
                broker.wire.join()
            else:
                listener.kill()
                listener.start()
        wait_until(lambda: Event.objects.count() >= MANY, seconds=120)
        wait_until(lambda: broker.waiting() == 0)
        broker.send(str(MANY), message_id="last")  # behind whatever came twice
        wait_until(lambda: Event.objects.count() > MANY)
        assert listener.stop() == 0
    assert sorted(bodies(trigger)) == list(range(MANY + 1))
    wait_until(broker.holds_nothing, seconds=30)


def test_what_is_stored_is_acknowledged_by_whoever_stops(
    broker: Broker, make_queue: MakeQueue
) -> None:
    """Messages without ids, and a listener that is told to stop while it stores them."""
    trigger = make_queue("rabbitmq", broker.url, broker.queue)
    for number in range(MANY):
        broker.send(str(number))
    for part in range(1, 6):
        with listening():
            wait_until(lambda at=part: Event.objects.count() >= at * MANY // 6)  # type: ignore[misc]
    with listening():
        wait_until(lambda: Event.objects.count() >= MANY)
    wait_until(broker.holds_nothing, seconds=30)
    assert sorted(bodies(trigger)) == list(range(MANY))


def test_a_queue_that_is_not_there_is_told(broker: Broker, make_queue: MakeQueue) -> None:
    trigger = make_queue("rabbitmq", broker.url, "nowhere")
    with listening():
        wait_until(lambda: Watch.objects.filter(pk=trigger.pk, failures__gt=0).exists())
    assert "no queue 'nowhere'" in Watch.objects.get().last_error


def test_a_queue_that_is_made_anew_is_read_on(broker: Broker, make_queue: MakeQueue) -> None:
    """RabbitMQ ends the reading then, and leaves the connection as it is."""
    trigger = make_queue("rabbitmq", broker.url, broker.queue)
    with listening():
        wait_until(lambda: Watch.objects.exclude(works_since=None).exists())
        broker.channel.queue_delete(broker.queue)
        broker.channel.queue_declare(broker.queue, durable=True, auto_delete=False)
        broker.send("1")
        wait_until(Event.objects.exists, seconds=30)
    assert bodies(trigger) == [1]
