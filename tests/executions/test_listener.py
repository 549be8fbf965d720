"""Several listeners share what is to be watched; a dead one's sources move; a stale one records nothing more."""

from __future__ import annotations

import asyncio
import signal
import time
import uuid
from collections.abc import Iterable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.test import APIClient

from executions import diagnosis, health, listener, watch_door
from executions.admin import words
from executions.models import Alert
from executions.watch_door import WatchDoor
from tests.listeners import listening, process, wait_until
from tests.peers import Valkey
from tests.queues import MakeQueue, bodies
from triggers import leases, sources
from triggers.models import DeadLetter, Event, Listener, Trigger, TriggerStatus, Watch
from triggers.watching import Received, SourceBroken, SourceFailed

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("loopback_is_open"),
]
TYPES = ["message_queue"]


def held_by(lease: uuid.UUID) -> set[uuid.UUID]:
    return set(Watch.objects.filter(lease=lease).values_list("pk", flat=True))


def look(lease: uuid.UUID) -> leases.Pulse:
    return leases.beat(lease, name="test", types=TYPES)


def open_door(trigger: Trigger) -> WatchDoor:
    """As a listener holds it that has taken everything."""
    lease = uuid.uuid4()
    look(lease)
    leases.claim(lease, types=TYPES, places=10)
    leases.claim(lease, types=TYPES, places=10)
    return WatchDoor(trigger, Watch.objects.get(pk=trigger.pk))


def test_a_look_is_one_statement(
    make_queue: MakeQueue, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    lease = uuid.uuid4()
    for number in range(3):
        make_queue("redis", "redis://127.0.0.1:1/0", f"q{number}")
    with django_assert_num_queries(1):
        first = look(lease)
    assert (first.wanted, first.free, first.held, first.listeners) == (3, 3, 0, 1)
    assert leases.claim(lease, types=TYPES, places=2) == []  # the rows are made
    assert len(leases.claim(lease, types=TYPES, places=2)) == 2
    again = look(lease)
    assert (again.free, again.held, again.mine, again.version) == (1, 2, 2, first.version)
    Trigger.objects.filter(pk__in=held_by(lease)).update(version=2)
    assert look(lease).version != first.version


def test_two_share_and_a_new_one_gets_its_part(make_queue: MakeQueue) -> None:
    for number in range(6):
        make_queue("redis", "redis://127.0.0.1:1/0", f"q{number}")
    with listening() as one:
        wait_until(lambda: len(held_by(one.lease)) == 6)
        with listening() as two:
            wait_until(lambda: len(held_by(one.lease)) == len(held_by(two.lease)) == 3)
            assert held_by(one.lease).isdisjoint(held_by(two.lease))
        wait_until(lambda: len(held_by(one.lease)) == 6)
    assert not Listener.objects.exists()
    assert not Watch.objects.exclude(lease=None).exists()


def test_a_dead_ones_sources_move_and_a_hung_one_does_no_harm(
    valkey: Valkey, make_queue: MakeQueue, settings: Settings
) -> None:
    settings.LISTENER_SECONDS = 3
    trigger = make_queue("redis", valkey.url, "orders")
    with process(OUTBOUND_ALLOW="127.0.0.1", LISTENER_SECONDS="3") as hung:
        wait_until(lambda: Watch.objects.exclude(works_since=None).exists())
        hung.signal(signal.SIGSTOP)
        with listening() as other:
            valkey.client.rpush("orders", *(str(n) for n in range(100)))
            wait_until(lambda: held_by(other.lease) == {trigger.pk}, seconds=30)
            hung.signal(signal.SIGCONT)
            valkey.client.rpush("orders", *(str(n) for n in range(100, 200)))
            wait_until(lambda: Event.objects.count() >= 200)
            hung.stop()
    assert sorted(bodies(trigger)) == list(range(200))


def test_of_a_killed_one_nothing_stays(settings: Settings) -> None:
    settings.LISTENER_SECONDS = 1
    look(uuid.uuid4())
    with listening() as other:
        wait_until(lambda: set(Listener.objects.values_list("pk", flat=True)) == {other.lease})


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


def test_queues_that_are_turned_off_are_left_alone(
    valkey: Valkey, make_queue: MakeQueue, settings: Settings
) -> None:
    trigger = make_queue("redis", valkey.url, "orders")
    valkey.client.rpush("orders", "1")
    settings.TRIGGERS_OFF = ["message_queue"]
    assert "message_queue" not in sources.watched()
    settings.TRIGGERS_OFF = ["message_queue:redis", "message_queue:kafka"]
    assert sources.unknown_switches(settings.TRIGGERS_OFF) == []
    schema = sources.find("message_queue").offered_schema({})
    assert schema["properties"]["queue_type"]["enum"] == ["rabbitmq", "sqs"]
    with listening() as one:
        wait_until(lambda: held_by(one.lease) == {trigger.pk})
        wait_until(lambda: one._tasks)
    assert valkey.client.llen("orders") == 1
    assert Watch.objects.get().failures == 0


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


def test_health_tells_of_the_listener(make_queue: MakeQueue, settings: Settings) -> None:
    assert health.look(anew=True)["listener"].status == "unused"
    trigger = make_queue("redis", "redis://reader:hidden@127.0.0.1:1/0", "q")
    assert health.look(anew=True)["listener"].status == "down"
    door = open_door(trigger)
    door._work()
    told = health.look(anew=True)["listener"]
    assert (told.status, told.message) == ("up", "1 of 1 sources are listened to.")
    watch_door.fail(door, trigger.pk, uuid.uuid4(), SourceFailed("The peer is away."))
    assert health.look(anew=True)["listener"].status == "degraded"
    settings.LISTENER_SECONDS = 0
    assert health.look(anew=True)["listener"].status == "down"
    health.forget()
    checks = {one["check"]: one for one in diagnosis.diagnose(trigger)["diagnosis"]}
    assert checks["configuration"]["ok"], checks  # with its password, which is kept apart


def test_what_cannot_get_better_is_an_error_at_once(make_queue: MakeQueue) -> None:
    trigger = make_queue("redis", "redis://127.0.0.1:1/0", "q")
    door = open_door(trigger)
    watch_door.fail(door, trigger.pk, uuid.uuid4(), SourceBroken("Not installed."))
    assert Trigger.objects.get(pk=trigger.pk).status == TriggerStatus.ERROR


def test_pauses_grow_up_to_a_minute() -> None:
    assert 0.5 <= listener.pause(1) <= 1
    assert 4 <= listener.pause(4) <= 8
    assert 30 <= listener.pause(50) <= 60


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


def test_each_source_tells_how_late_it_is_and_what_went_wrong(
    valkey: Valkey, make_queue: MakeQueue, api: APIClient, foreign_api: APIClient
) -> None:
    """In health, in the status of the trigger, and on its page in the admin."""
    works = make_queue("redis", valkey.url, "log", redis_mode="stream", start_at="oldest")
    fails = make_queue("redis", "redis://127.0.0.1:1/0", "orders")
    minute_ago = round((time.time() - 60) * 1000)
    valkey.client.xadd("log", {"body": "1"}, id=f"{minute_ago}-0")
    with listening():
        wait_until(lambda: Watch.objects.filter(pk=works.pk, waiting=0, received=1).exists())
        wait_until(lambda: Watch.objects.filter(pk=fails.pk, failures__gt=0).exists())
        told = api.get("/api/v1/triggers/health").json()
        failing, working = told["sources"]
        figures = dict(words.source_figures(works))
    assert (failing["trigger_name"], working["trigger_name"]) == (fails.name, works.name)
    assert "127.0.0.1:1 does not answer" in failing["last_error"]
    assert (failing["works"], working["works"], working["last_error"]) == (False, True, "")
    assert 60_000 <= working["lag_ms"] < 120_000
    assert working["waiting"] == 0
    assert (figures["Source"], figures["Late by"].endswith(" s")) == ("connected", True)
    assert figures["Waiting there"] == 0
    status = api.get(f"/api/v1/triggers/{fails.pk}/status").json()
    assert status["source"]["last_error"] == failing["last_error"]
    assert "failing: Redis" in dict(words.source_figures(fails))["Source"]
    assert foreign_api.get("/api/v1/triggers/health").json()["sources"] == []


def test_acknowledging_by_hand_waits_for_the_runs(
    valkey: Valkey, make_queue: MakeQueue, run_everything_due: object
) -> None:
    trigger = make_queue("redis", valkey.url, "orders", ack_mode="manual")
    own = f"orders:triggerfish-{trigger.pk}"
    with listening():
        valkey.client.rpush("orders", "1")
        wait_until(lambda: Event.objects.count() == 1)
        valkey.client.rpush("orders", "2")
        assert valkey.client.llen(own) == 1
        run_everything_due()  # type: ignore[operator]
        wait_until(lambda: Event.objects.count() == 2)
        run_everything_due()  # type: ignore[operator]
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
