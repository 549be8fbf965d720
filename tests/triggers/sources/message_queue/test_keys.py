"""What a message is known by: its id, at one place."""

from __future__ import annotations

from typing import Any

import pytest

from tests.listeners import listening, wait_until
from tests.peers import Kafka, Valkey
from tests.queues import MakeQueue, bodies
from triggers import blueprint
from triggers.models import Trigger, Watch
from triggers.sources.message_queue import address, keys, kinds

live = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


def place(url: str, name: str = "orders", kind: str = "redis") -> str:
    known = kinds.registry.get(kind)
    at = address.parse(url, schemes=known.schemes, port=known.port)
    return keys.of_place({"queue_type": kind, "queue_name": name}, at)


@pytest.mark.parametrize(
    ("url", "is_same"),
    [
        ("redis://ann:new@queue.example.org/0", True),
        ("redis://QUEUE.example.org:6379/0", True),
        ("redis://other.example.org/0", False),
        ("redis://queue.example.org:6380/0", False),
        ("redis://queue.example.org/1", False),
    ],
)
def test_a_place_is_a_queue_whoever_logs_in(url: str, is_same: bool) -> None:
    assert (place(url) == place("redis://bob:old@queue.example.org/0")) is is_same


def test_the_order_of_brokers_makes_no_other_place() -> None:
    one, other = "kafka://a.example.org,b.example.org", "kafka://b.example.org,a.example.org"
    assert place(one, kind="kafka") == place(other, kind="kafka")
    assert place(one, kind="kafka") != place(one, "invoices", kind="kafka")


def point(trigger: Trigger, **config: Any) -> None:
    """It is told to read elsewhere."""
    fresh = Trigger.objects.get(pk=trigger.pk)
    blueprint.store(fresh, {"config": {**fresh.config, **config}})


class TestElsewhere:
    pytestmark = live

    def test_the_same_ids_in_another_stream_are_other_messages(
        self, valkey: Valkey, make_queue: MakeQueue
    ) -> None:
        mode = {"redis_mode": "stream", "start_at": "oldest"}
        trigger = make_queue("redis", valkey.url, "trial", **mode)
        for stream in ("trial", "real"):
            valkey.client.xadd(stream, {"body": f'"{stream}"'}, id="1-1")
        with listening():
            wait_until(lambda: bodies(trigger) == ["trial"])
            point(trigger, queue_name="real")
            wait_until(lambda: bodies(trigger) == ["trial", "real"])
            point(trigger, queue_name="trial", consumer_group="again")
            wait_until(lambda: Watch.objects.get().received == 3)
        assert bodies(trigger) == ["trial", "real"]  # read again, and known

    def test_the_same_topic_of_another_cluster_has_other_messages(
        self, kafka: Kafka, make_queue: MakeQueue
    ) -> None:
        trigger = make_queue("kafka", f"kafka://{kafka.address}", "orders", start_at="oldest")
        real = Kafka()
        try:
            kafka.send("orders", b'"trial"')
            real.send("orders", b'"real"')
            with listening():
                wait_until(lambda: bodies(trigger) == ["trial"])
                point(trigger, connection_url=f"kafka://{real.address}")
                wait_until(lambda: bodies(trigger) == ["trial", "real"])
        finally:
            real.close()
