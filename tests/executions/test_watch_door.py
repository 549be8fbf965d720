"""What a source hands in is stored by who holds it, and only then; what cannot be stored is a dead letter."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings
from rest_framework.test import APIClient

from executions import watch_door
from executions.models import Alert
from executions.watch_door import WatchDoor
from tests.executions.doors import TYPES, look, open_door
from tests.listeners import listening, wait_until
from tests.peers import Valkey
from tests.queues import MakeQueue, bodies
from triggers import leases
from triggers.models import DeadLetter, Event, Trigger, TriggerStatus, Watch
from triggers.watching import Received, SourceBroken, SourceFailed

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("loopback_is_open"),
]


async def test_who_lost_the_lease_records_nothing(make_queue: MakeQueue) -> None:
    from config.lib.threads import in_thread

    def open_and_take_away() -> WatchDoor:
        door = open_door(make_queue("redis", "redis://127.0.0.1:1/0", "q"))
        Watch.objects.update(lease=uuid.uuid4())
        return door

    door = await in_thread(open_and_take_away)
    with pytest.raises(leases.LeaseLost):
        await door.store([Received({"body": 1}, "message_received")])
    assert not await in_thread(Event.objects.exists)


def test_a_source_that_was_lost_and_taken_again_is_another_hold(make_queue: MakeQueue) -> None:
    """A listener that slept through both would store what it read before the other one went on."""
    door = open_door(make_queue("redis", "redis://127.0.0.1:1/0", "q"))
    mine, other = door.watch.lease, uuid.uuid4()
    assert mine is not None
    look(other)
    for lease, next_one in ((mine, other), (other, mine)):
        leases.release(lease, [door.trigger.pk])
        assert leases.claim(next_one, types=TYPES, places=1) == [door.trigger.pk]
    with pytest.raises(leases.LeaseLost):
        door._store([Received({"body": 1}, "message_received")], None)
    assert not Event.objects.exists()


def test_an_error_of_its_own_is_taken_back_and_no_other(make_queue: MakeQueue) -> None:
    trigger = make_queue("redis", "redis://127.0.0.1:1/0", "q")
    door = open_door(trigger)
    for number in range(3):
        watch_door.fail(door, trigger.pk, uuid.uuid4(), SourceFailed("The peer is away."))
        status = Trigger.objects.get(pk=trigger.pk).status
        assert status == (TriggerStatus.ERROR if number == 2 else TriggerStatus.ACTIVE)
    assert "The peer is away." in Alert.objects.get(resolved_at=None).message
    again = WatchDoor(trigger, Watch.objects.get())
    again._work()
    assert Trigger.objects.get(pk=trigger.pk).status == TriggerStatus.ACTIVE
    assert not Alert.objects.filter(resolved_at=None).exists()
    Trigger.objects.fail(trigger.pk, message="5 runs failed in a row.")
    again._work()
    assert Trigger.objects.get(pk=trigger.pk).last_error == "5 runs failed in a row."


def test_what_cannot_get_better_is_an_error_at_once(make_queue: MakeQueue) -> None:
    trigger = make_queue("redis", "redis://127.0.0.1:1/0", "q")
    door = open_door(trigger)
    watch_door.fail(door, trigger.pk, uuid.uuid4(), SourceBroken("Not installed."))
    assert Trigger.objects.get(pk=trigger.pk).status == TriggerStatus.ERROR


def test_a_message_that_the_database_refuses_is_given_up_after_five_tries(
    valkey: Valkey, make_queue: MakeQueue
) -> None:
    """Others beside it go on; a real constraint refuses it."""
    trigger = make_queue("redis", valkey.url, "orders")
    rule = "CHECK (payload->>'body' IS DISTINCT FROM 'poison')"
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE triggers_event ADD CONSTRAINT tests_no_poison {rule}")
    try:
        valkey.client.rpush("orders", "1", "poison", "2")
        with listening():
            wait_until(lambda: Event.objects.count() == 2)
            wait_until(lambda: valkey.client.llen(f"orders:triggerfish-{trigger.pk}") == 0)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE triggers_event DROP CONSTRAINT tests_no_poison")
    letter = DeadLetter.objects.get()
    assert (letter.tries, letter.is_dead, letter.body) == (5, True, "poison")
    assert bodies(trigger) == [1, 2]


async def _bury(door: WatchDoor, keys: Iterable[str]) -> None:
    for key in keys:
        headers = {"source": "shop"}
        assert await door.bury(key, "No JSON.", body=b"{", headers=headers, at_once=True)


def test_dead_letters_are_bounded_and_told(
    make_queue: MakeQueue, settings: Settings, api: APIClient, foreign_api: APIClient
) -> None:
    settings.DEAD_LETTERS_KEPT = 3
    trigger = make_queue("redis", "redis://127.0.0.1:1/0", "q")
    other = make_queue("redis", "redis://127.0.0.1:1/0", "others")
    DeadLetter.objects.create(trigger=other, key="other's", is_dead=True)
    asyncio.run(_bury(open_door(trigger), ["a", "b", "c", "d", "e", "e"]))
    path = f"/api/v1/triggers/{trigger.pk}/dead-letters"
    told = api.get(path).json()
    assert [one["key"] for one in told["results"]] == ["e", "d", "c"]
    assert (told["count"], told["results"][0]["tries"]) == (3, 2)
    assert told["results"][0]["headers"] == {"source": "shop"}
    assert foreign_api.get(path).status_code == 404
    assert DeadLetter.objects.filter(trigger=other).exists()
    settings.DEAD_LETTERS_KEPT = 1  # lowered: the next one makes room for all
    asyncio.run(_bury(open_door(trigger), ["f"]))
    assert api.get(path).json()["count"] == 1


def test_acknowledging_by_hand_waits_for_the_runs(
    valkey: Valkey, make_queue: MakeQueue, run_everything_due: Callable[[], None]
) -> None:
    trigger = make_queue("redis", valkey.url, "orders", ack_mode="manual")
    own = f"orders:triggerfish-{trigger.pk}"
    with listening():
        valkey.client.rpush("orders", "1")
        wait_until(lambda: Event.objects.count() == 1)
        valkey.client.rpush("orders", "2")
        assert valkey.client.llen(own) == 1
        run_everything_due()
        wait_until(lambda: Event.objects.count() == 2)
        run_everything_due()
        wait_until(lambda: valkey.client.llen(own) == 0)


def test_a_hundred_messages_cost_as_much_as_one(make_queue: MakeQueue) -> None:
    door = open_door(make_queue("redis", "redis://127.0.0.1:1/0", "q"))
    counts = []
    for many in (1, 100):
        received = [
            Received({"body": n}, "message_received", key=f"{many}-{n}") for n in range(many)
        ]
        with CaptureQueriesContext(connection) as seen:
            door._store(received, {})
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 5  # begin, the fence, the INSERT, the first ones, commit
