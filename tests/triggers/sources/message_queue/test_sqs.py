"""SQS: moto's server speaks its protocol."""

from __future__ import annotations

import pytest

from tests.listeners import listening, process, wait_until
from tests.peers import Sqs
from tests.queues import MakeQueue, bodies
from triggers.models import Event, Watch

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]
MANY = 100  # raise it as you like; moto takes its time
PART = MANY // 2


def send(sqs: Sqs, url: str, numbers: range) -> None:
    client = sqs.client()
    for start in range(numbers.start, numbers.stop, 10):
        entries = [
            {"Id": str(n), "MessageBody": str(n)}
            for n in range(start, min(start + 10, numbers.stop))
        ]
        client.send_message_batch(QueueUrl=url, Entries=entries)


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


def waiting(sqs: Sqs, url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs.client().get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(value) for value in found.values())


def test_nothing_is_lost_or_doubled_when_the_listener_is_killed(
    sqs: Sqs, make_queue: MakeQueue
) -> None:
    attributes = {"VisibilityTimeout": "5"}
    url = sqs.client().create_queue(QueueName="orders", Attributes=attributes)["QueueUrl"]
    trigger = make_queue("sqs", sqs.url, "orders")
    with process(OUTBOUND_ALLOW="127.0.0.1", LISTENER_SECONDS="3") as listener:
        for start in range(0, MANY, PART):
            send(sqs, url, range(start, start + PART))
            wait_until(lambda at=start: Event.objects.count() > at)  # type: ignore[misc]
            listener.kill()
            listener.start()
        wait_until(lambda: Event.objects.count() >= MANY, seconds=120)
        wait_until(lambda: waiting(sqs, url) == 0)
        assert listener.stop() == 0
    assert sorted(bodies(trigger)) == list(range(MANY))


def test_a_queue_that_is_not_there_is_told(sqs: Sqs, make_queue: MakeQueue) -> None:
    trigger = make_queue("sqs", sqs.url, "nowhere")
    with listening():
        wait_until(lambda: Watch.objects.filter(pk=trigger.pk, failures__gt=0).exists())
    assert "no queue 'nowhere'" in Watch.objects.get().last_error
