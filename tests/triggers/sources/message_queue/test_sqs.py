"""SQS: moto's server speaks its protocol."""

from __future__ import annotations

import threading

import pytest

from tests.listeners import listening, process, wait_until
from tests.peers import Sqs
from tests.queues import MakeQueue, bodies
from triggers.models import Event, Watch
from triggers.sources.message_queue.sqs import _pinned

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]
MANY = 1_000
PART = MANY // 4  # after each, something dies, is cut off or hangs


def test_messages_with_their_attributes(sqs: Sqs, make_queue: MakeQueue) -> None:
    url = sqs.client().create_queue(QueueName="invoices")["QueueUrl"]
    trigger = make_queue("sqs", sqs.url, "invoices")
    with listening():
        attributes = {"source": {"StringValue": "shop", "DataType": "String"}}
        sent = sqs.client().send_message(
            QueueUrl=url, MessageBody='{"id": 7}', MessageAttributes=attributes
        )
        wait_until(Event.objects.exists)
        wait_until(lambda: waiting(sqs, url) == 0)
    payload = Event.objects.get().payload
    assert bodies(trigger) == [{"id": 7}]
    assert payload["headers"] == {"source": "shop"}
    assert payload["message_id"] == sent["MessageId"]
    assert payload["receive_count"] == 1


@pytest.mark.parametrize(
    ("endpoint", "host", "pinned"),
    [
        (None, "203.0.113.7", None),
        ("https://queue.example.org", "203.0.113.7", "https://queue.example.org"),
        ("http://queue.example.org", "203.0.113.7", "http://203.0.113.7:80"),
        ("http://queue.example.org:9324/x", "2001:db8::7", "http://[2001:db8::7]:9324/x"),
    ],
)
def test_requests_go_to_the_address_that_was_checked(
    endpoint: str | None, host: str, pinned: str | None
) -> None:
    assert _pinned(endpoint, host) == pinned


def waiting(sqs: Sqs, url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs.client().get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(value) for value in found.values())


def test_nothing_is_lost_or_doubled_by_kills_cuts_and_a_peer_that_hangs(
    sqs: Sqs, make_queue: MakeQueue
) -> None:
    attributes = {"VisibilityTimeout": "5"}
    url = sqs.client().create_queue(QueueName="orders", Attributes=attributes)["QueueUrl"]
    trigger = make_queue("sqs", sqs.url, "orders")
    pause = threading.Event()
    with process(OUTBOUND_ALLOW="127.0.0.1", LISTENER_SECONDS="3") as listener:
        for part in range(4):
            sqs.send(url, [str(n) for n in range(part * PART, (part + 1) * PART)])
            wait_until(lambda at=part * PART: Event.objects.count() > at)  # type: ignore[misc]
            if part % 2 == 0:
                listener.kill()
                listener.start()
            elif part == 1:
                sqs.wire.cut()
                pause.wait(2)
                sqs.wire.join()
            else:
                sqs.hold()
                pause.wait(8)  # longer than what is taken stays hidden from others
                sqs.go_on()
        wait_until(lambda: Event.objects.count() >= MANY, seconds=120)
        wait_until(lambda: waiting(sqs, url) == 0)
        assert listener.stop() == 0
    assert sorted(bodies(trigger)) == list(range(MANY))


def test_a_queue_that_is_not_there_is_told(sqs: Sqs, make_queue: MakeQueue) -> None:
    trigger = make_queue("sqs", sqs.url, "nowhere")
    with listening():
        wait_until(lambda: Watch.objects.filter(pk=trigger.pk, failures__gt=0).exists())
    assert "no queue 'nowhere'" in Watch.objects.get().last_error
