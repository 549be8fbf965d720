"""Streams whose server forgets, or whose senders write what they like; and names of another kind."""

from __future__ import annotations

import pytest

from executions.models import Alert, AlertKind
from tests.listeners import listening, wait_until
from tests.peers import Valkey
from tests.queues import MakeQueue, bodies
from triggers.models import Event, Trigger, TriggerStatus, Watch

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]
NANOSECONDS = "1795265886715000000-0"  # no time that there is, in milliseconds


def test_an_id_that_is_no_time_holds_nobody_up(valkey: Valkey, make_queue: MakeQueue) -> None:
    trigger = make_queue("redis", valkey.url, "log", redis_mode="stream", start_at="oldest")
    valkey.client.xadd("log", {"body": "1"}, id="5-1")
    valkey.client.xadd("log", {"body": "2"}, id=NANOSECONDS)
    with listening():
        wait_until(lambda: Event.objects.count() == 2, seconds=30)
    assert bodies(trigger) == [1, 2]
    payload = Event.objects.order_by("pk")[1].payload
    assert (payload["message_id"], payload["sent_at"]) == (NANOSECONDS, None)


def test_what_is_sent_after_the_server_forgot_its_groups_is_read(
    valkey: Valkey, make_queue: MakeQueue
) -> None:
    """Before anybody listens again; a group that begins with what is new would leave it out."""
    valkey.client.xadd("log", {"body": "0"})
    trigger = make_queue("redis", valkey.url, "log", redis_mode="stream")
    with listening():
        wait_until(lambda: Watch.objects.exclude(works_since=None).exists())
    valkey.client.flushall()
    valkey.client.xadd("log", {"body": "1"})
    with listening():
        wait_until(Event.objects.exists, seconds=30)
        valkey.client.flushall()  # under its reader
        valkey.client.xadd("log", {"body": "2"})
        wait_until(lambda: Event.objects.count() == 2)
    assert bodies(trigger) == [1, 2]


def test_what_connects_and_cannot_be_read_is_an_error_until_it_can(
    valkey: Valkey, make_queue: MakeQueue
) -> None:
    trigger = make_queue("redis", valkey.url, "orders")
    valkey.client.xadd("orders", {"body": "1"})  # a stream, and the trigger reads a list
    mine = Trigger.objects.filter(pk=trigger.pk)
    with listening():
        wait_until(lambda: mine.get().status == TriggerStatus.ERROR)
        alert = Alert.objects.get()
        assert (alert.kind, alert.resolved_at) == (AlertKind.TRIGGER_ERROR, None)
        assert "of another kind than the trigger says" in alert.message
        wait_until(lambda: Watch.objects.get().failures > 4)  # goes on trying, more and more seldom
        assert mine.get().status == TriggerStatus.ERROR
        valkey.client.delete("orders")
        valkey.client.rpush("orders", "2")
        wait_until(lambda: mine.get().status == TriggerStatus.ACTIVE)
    assert bodies(trigger) == [2]
    assert Alert.objects.get().resolved_at is not None
