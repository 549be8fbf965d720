"""Kafka: librdkafka's mock cluster, in this process."""

from __future__ import annotations

import threading

import pytest

from tests.listeners import listening, process, wait_until
from tests.peers import Kafka
from tests.queues import MakeQueue, bodies
from triggers.models import Event, Watch

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]
MANY = 1_000
PART = MANY // 4  # after each, something dies


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


def test_nothing_is_lost_or_doubled_by_kills_and_brokers_that_are_away(
    kafka: Kafka, make_queue: MakeQueue
) -> None:
    trigger = make_queue("kafka", f"kafka://{kafka.address}", "orders", start_at="oldest")
    pause = threading.Event()
    with process(OUTBOUND_ALLOW="127.0.0.1", LISTENER_SECONDS="3") as listener:
        for part in range(4):
            kafka.send("orders", *(str(part * PART + n).encode() for n in range(PART)))
            wait_until(lambda at=part * PART: Event.objects.count() > at)  # type: ignore[misc]
            if part % 2:
                kafka.down()
                pause.wait(3)
                kafka.up()
            else:
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


def test_what_comes_to_a_quiet_topic_between_two_listeners_is_read(
    kafka: Kafka, make_queue: MakeQueue
) -> None:
    """The first one read nothing: where it began is known all the same."""
    kafka.send("orders", b"1")
    trigger = make_queue("kafka", f"kafka://{kafka.address}", "orders")
    with listening():
        wait_until(lambda: Watch.objects.exclude(works_since=None).exists())
    kafka.send("orders", b"2")
    with listening():
        wait_until(Event.objects.exists)
    assert bodies(trigger) == [2]


@pytest.mark.parametrize("more", [1, 5, 8], ids=["shorter", "as long", "longer"])
def test_a_topic_that_is_made_anew_is_read_from_its_beginning(
    kafka: Kafka, make_queue: MakeQueue, more: int
) -> None:
    """Its messages count from 0 again, however far the old ones had been read."""
    old, new = range(20), range(100, 100 + 2 * more)
    for number in old:
        kafka.send("orders", str(number).encode(), partition=number % 4)
    trigger = make_queue("kafka", f"kafka://{kafka.address}", "orders", start_at="oldest")
    with listening():
        wait_until(lambda: Event.objects.count() == 20)
    kafka.forget("orders")
    for number in new:
        kafka.send("orders", str(number).encode(), partition=number % 2)
    with listening():
        wait_until(lambda: Event.objects.count() == 20 + len(new))
        wait_until(lambda: "made anew" in Watch.objects.get().note)
        kafka.send("orders", b"200", partition=1)
        wait_until(lambda: Event.objects.count() == 21 + len(new))
    assert sorted(bodies(trigger)) == [*old, *new, 200]


def test_a_topic_that_is_as_it_was_goes_on(kafka: Kafka, make_queue: MakeQueue) -> None:
    for number in range(20):
        kafka.send("orders", str(number).encode(), partition=number % 2)
    trigger = make_queue("kafka", f"kafka://{kafka.address}", "orders", start_at="oldest")
    with listening():
        wait_until(lambda: Event.objects.count() == 20)
    kafka.send("orders", b"20", partition=0)
    with listening():
        wait_until(lambda: Event.objects.count() == 21)
    assert bodies(trigger).count(20) == 1
    assert Watch.objects.get().note == ""


def test_a_topic_that_was_made_anew_is_so_in_every_partition(
    kafka: Kafka, make_queue: MakeQueue
) -> None:
    """Also where nothing was read of one yet."""
    for number in range(20):
        kafka.send("orders", b"0", partition=number % 4)
    trigger = make_queue("kafka", f"kafka://{kafka.address}", "orders")
    with listening():
        wait_until(lambda: Watch.objects.exclude(works_since=None).exists())
        kafka.send("orders", b"1", partition=0)
        wait_until(Event.objects.exists)
    kafka.forget("orders")
    for number in range(40):
        kafka.send("orders", b"2", partition=number % 4)
    with listening():
        wait_until(lambda: Event.objects.count() == 41)
    assert bodies(trigger).count(2) == 40
    assert "0, 1, 2, 3" in Watch.objects.get().note


def test_where_nothing_was_read_yet_a_topic_that_is_made_anew_is_noticed(
    kafka: Kafka, make_queue: MakeQueue
) -> None:
    kafka.send("orders", b"0", partition=0)
    trigger = make_queue("kafka", f"kafka://{kafka.address}", "orders")
    with listening():
        wait_until(lambda: Watch.objects.exclude(works_since=None).exists())
    kafka.forget("orders")
    for number in range(3):
        kafka.send("orders", b"%d" % number, partition=0)
    with listening():
        wait_until(lambda: Event.objects.count() == 3)
    assert sorted(bodies(trigger)) == [0, 1, 2]
