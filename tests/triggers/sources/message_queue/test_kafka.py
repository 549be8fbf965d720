"""Kafka: librdkafka's mock cluster, in this process."""

from __future__ import annotations

import pytest

from tests.listeners import listening, process, wait_until
from tests.peers import Kafka
from tests.queues import MakeQueue, bodies
from triggers.models import Event, Watch

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]
MANY = 200  # raise it as you like
PART = MANY // 2  # after each, something dies


def test_messages_with_their_place(kafka: Kafka, make_queue: MakeQueue) -> None:
    kafka.send("orders", b"1")
    trigger = make_queue("kafka", f"kafka://{kafka.address}", "orders", start_at="oldest")
    with listening():
        wait_until(lambda: Event.objects.count() == 1)
        kafka.send("orders", b'{"n": 2}', key=b"k", headers={"source": b"shop"})
        wait_until(lambda: Event.objects.count() == 2)
    assert bodies(trigger) == [1, {"n": 2}]
    payload = Event.objects.order_by("pk")[1].payload
    assert (payload["key"], payload["headers"]) == ("k", {"source": "shop"})
    assert payload["message_id"] == f"orders:{payload['partition']}:{payload['offset']}"
    assert payload["sent_at"]


def test_a_new_group_begins_with_what_is_new(kafka: Kafka, make_queue: MakeQueue) -> None:
    kafka.send("orders", b"1", b"2")
    trigger = make_queue("kafka", f"kafka://{kafka.address}", "orders")
    with listening():
        wait_until(lambda: Watch.objects.exclude(works_since=None).exists())
        kafka.send("orders", b"3")
        wait_until(Event.objects.exists)
    assert bodies(trigger) == [3]


def test_nothing_is_lost_or_doubled_when_the_listener_is_killed(
    kafka: Kafka, make_queue: MakeQueue
) -> None:
    kafka.send("orders", b"0")
    trigger = make_queue("kafka", f"kafka://{kafka.address}", "orders", start_at="oldest")
    with process(OUTBOUND_ALLOW="127.0.0.1", LISTENER_SECONDS="3") as listener:
        wait_until(Event.objects.exists)
        for start in range(0, MANY, PART):
            kafka.send("orders", *(str(n).encode() for n in range(max(1, start), start + PART)))
            wait_until(lambda at=start: Event.objects.count() > at)  # type: ignore[misc]
            listener.kill()
            listener.start()
        wait_until(lambda: Event.objects.count() >= MANY, seconds=120)
        assert listener.stop() == 0
    assert sorted(bodies(trigger)) == list(range(MANY))


def test_a_cluster_that_does_not_answer_is_told(
    make_queue: MakeQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("triggers.sources.message_queue.kafka._ANSWER_SECONDS", 2.0)
    make_queue("kafka", "kafka://127.0.0.1:9", "orders")
    with listening():
        wait_until(lambda: Watch.objects.filter(failures__gt=0).exists())
    assert "127.0.0.1:9 cannot be reached" in Watch.objects.get().last_error
