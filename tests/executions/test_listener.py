"""Several listeners share what is to be watched; a dead one's sources move; all say how they are."""

from __future__ import annotations

import signal
import time
import uuid

import pytest
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.test import APIClient

from executions import diagnosis, health, listener, watch_door
from executions.admin import words
from tests.executions.doors import TYPES, look, open_door
from tests.listeners import listening, process, wait_until
from tests.peers import Valkey
from tests.queues import MakeQueue, bodies
from triggers import leases, sources
from triggers.models import Event, Listener, Trigger, Watch
from triggers.watching import SourceFailed

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("loopback_is_open"),
]


def held_by(lease: uuid.UUID) -> set[uuid.UUID]:
    return set(Watch.objects.filter(lease=lease).values_list("pk", flat=True))


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


def test_pauses_grow_up_to_a_minute() -> None:
    assert 0.5 <= listener.pause(1) <= 1
    assert 4 <= listener.pause(4) <= 8
    assert 30 <= listener.pause(50) <= 60


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
