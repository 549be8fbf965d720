"""Lists, streams and channels of a real Valkey; killed, restarted, and listeners killed beside it."""

from __future__ import annotations

import time

import pytest

from executions.models import Alert, AlertKind
from tests.listeners import listening, process, wait_until
from tests.peers import Valkey
from tests.queues import MakeQueue, bodies
from triggers.models import DeadLetter, Event, Trigger, TriggerStatus, Watch

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]
MANY = 1_000
PART = MANY // 4  # after each, something dies


def is_watched(trigger: Trigger) -> bool:
    return Watch.objects.filter(pk=trigger.pk).exclude(works_since=None).exists()


def test_items_of_a_list_become_events_in_their_order(
    valkey: Valkey, make_queue: MakeQueue
) -> None:
    trigger = make_queue("redis", valkey.url, "orders")
    valkey.client.rpush("orders", '{"n": 1}', "plain text", b"\xff\xfe", '{"n": 1}')
    with listening():
        wait_until(lambda: Event.objects.count() == 4)
        valkey.client.rpush("orders", "[5]")
        wait_until(lambda: Event.objects.count() == 5)
        wait_until(lambda: valkey.client.llen(f"orders:triggerfish-{trigger.pk}") == 0)
    assert bodies(trigger) == [{"n": 1}, "plain text", "//4=", {"n": 1}, [5]]
    event = Event.objects.order_by("pk")[0]
    assert (event.type, event.source, event.topic) == (
        "message_received", "message_queue", f"queue:{trigger.pk}",
    )  # fmt: skip
    assert event.payload["queue"] == "orders"
    watch = Watch.objects.get(pk=trigger.pk)
    assert (watch.received, watch.lease) == (5, None)


def test_nothing_of_a_list_is_lost_or_doubled_by_kills(
    valkey: Valkey, make_queue: MakeQueue
) -> None:
    """The listener and the server are killed while messages come; items have no ids."""
    trigger = make_queue("redis", valkey.url, "orders")
    with process(OUTBOUND_ALLOW="127.0.0.1", LISTENER_SECONDS="3") as listener:
        wait_until(lambda: is_watched(trigger))
        for start in range(0, MANY, PART):
            valkey.client.rpush("orders", *(str(n) for n in range(start, start + PART)))
            wait_until(lambda at=start: Event.objects.count() > at)  # type: ignore[misc]
            if start // PART % 2:
                valkey.kill()
                valkey.start()
            else:
                listener.kill()
                listener.start()
        wait_until(lambda: Event.objects.count() >= MANY, seconds=120)
        assert listener.stop() == 0
    assert bodies(trigger) == list(range(MANY))


def test_nothing_of_a_stream_is_lost_or_doubled_by_kills(
    valkey: Valkey, make_queue: MakeQueue
) -> None:
    trigger = make_queue("redis", valkey.url, "log", redis_mode="stream", start_at="oldest")
    with process(OUTBOUND_ALLOW="127.0.0.1", LISTENER_SECONDS="3") as listener:
        for start in range(0, MANY, PART):
            for number in range(start, start + PART):
                valkey.client.xadd("log", {"body": str(number), "by": "test"})
            wait_until(lambda at=start: Event.objects.count() > at)  # type: ignore[misc]
            if start // PART % 2:
                valkey.kill()
                valkey.start()
            else:
                listener.kill()
                listener.start()
        wait_until(lambda: Event.objects.count() >= MANY, seconds=120)
        group = f"triggerfish-{trigger.pk}"
        wait_until(lambda: valkey.client.xpending("log", group)["pending"] == 0)
        assert listener.stop() == 0
    assert bodies(trigger) == list(range(MANY))
    first = Event.objects.order_by("pk")[0].payload
    assert first["headers"] == {"by": "test"}


def test_a_new_group_begins_with_what_is_new(valkey: Valkey, make_queue: MakeQueue) -> None:
    valkey.client.xadd("log", {"a": "old"})
    trigger = make_queue("redis", valkey.url, "log", redis_mode="stream")
    with listening():
        wait_until(lambda: is_watched(trigger))
        valkey.client.xadd("log", {"a": "new"})
        wait_until(Event.objects.exists)
    assert bodies(trigger) == [{"a": "new"}]


def test_a_channel_brings_what_is_sent_while_somebody_listens(
    valkey: Valkey, make_queue: MakeQueue
) -> None:
    trigger = make_queue("redis", valkey.url, "news.*", redis_mode="pubsub")
    valkey.client.publish("news.de", "missed")
    with listening():
        wait_until(lambda: is_watched(trigger))
        for number in range(20):
            valkey.client.publish("news.de", str(number))
        wait_until(lambda: Event.objects.count() == 20)
    assert bodies(trigger) == list(range(20))


def test_a_batch_is_one_event(valkey: Valkey, make_queue: MakeQueue) -> None:
    trigger = make_queue("redis", valkey.url, "orders", batch_size=10)
    valkey.client.rpush("orders", *(str(n) for n in range(25)))
    with listening():
        wait_until(lambda: Watch.objects.filter(pk=trigger.pk, received=3).exists())
    payloads = Event.objects.order_by("pk").values_list("payload", flat=True)
    assert [payload["count"] for payload in payloads] == [10, 10, 5]
    found = [one["body"] for payload in payloads for one in payload["messages"]]
    assert found == list(range(25))


def test_what_is_not_json_is_put_aside_where_json_is_asked_for(
    valkey: Valkey, make_queue: MakeQueue
) -> None:
    trigger = make_queue("redis", valkey.url, "orders", body_format="json")
    valkey.client.rpush("orders", "1", '{"a": NaN}', "x" * 2_000_000, "2")
    with listening():
        wait_until(lambda: Event.objects.count() == 2)
    assert bodies(trigger) == [1, 2]
    letters = DeadLetter.objects.filter(trigger=trigger, is_dead=True).order_by("pk")
    assert [one.size for one in letters] == [10, 2_000_000]
    assert letters[0].body == '{"a": NaN}'
    assert "not valid JSON" in letters[0].error
    assert Alert.objects.get().kind == AlertKind.DEAD_EVENT


def test_a_server_that_is_away_puts_the_trigger_into_error_until_it_is_back(
    valkey: Valkey, make_queue: MakeQueue
) -> None:
    trigger = make_queue("redis", valkey.url, "orders")
    with listening():
        wait_until(lambda: is_watched(trigger))
        valkey.kill()
        mine = Trigger.objects.filter(pk=trigger.pk)
        wait_until(lambda: mine.get().status == TriggerStatus.ERROR)
        alert = Alert.objects.get()
        assert (alert.kind, alert.resolved_at) == (AlertKind.TRIGGER_ERROR, None)
        assert "Redis" in mine.get().last_error
        valkey.start()
        valkey.client.rpush("orders", "1")
        wait_until(Event.objects.exists)
    stored = mine.get()
    assert (stored.status, stored.last_error) == (TriggerStatus.ACTIVE, "")
    assert Alert.objects.get().resolved_at is not None
    assert Watch.objects.get().failures == 0


def test_a_change_is_followed_and_a_paused_trigger_leaves_its_queue_alone(
    valkey: Valkey, make_queue: MakeQueue, api: object
) -> None:
    trigger = make_queue("redis", valkey.url, "orders")
    with listening():
        wait_until(lambda: is_watched(trigger))
        api.post(f"/api/v1/triggers/{trigger.pk}/pause")  # type: ignore[attr-defined]
        wait_until(lambda: not is_watched(trigger))
        valkey.client.rpush("orders", "1")
        config = trigger.config | {"queue_name": "others"}
        answer = api.patch(f"/api/v1/triggers/{trigger.pk}", {"config": config, "enabled": True})  # type: ignore[attr-defined]
        assert answer.status_code == 200, answer.content
        began = time.monotonic()
        wait_until(lambda: is_watched(trigger))
        assert time.monotonic() - began < 20
        valkey.client.rpush("others", "2")
        wait_until(Event.objects.exists)
    assert bodies(trigger) == [2]
    assert valkey.client.llen("orders") == 1
