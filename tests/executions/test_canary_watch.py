"""Who watches the synthetic events: one alert, one letter, no false alarm after a pause."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from config.asgi import application
from crm.models import Membership, Role, Workspace
from executions import canary, sweep
from executions.canary_watch import Watcher
from executions.models import Alert, Canary
from tests.faults import link
from tests.listeners import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
Run = Callable[[], None]
LIMIT = 60


@pytest.fixture(autouse=True)
def turned_on(settings: Settings) -> None:
    settings.CANARY_SECONDS, settings.CANARY_LIMIT_SECONDS = 50, LIMIT


@pytest.fixture
def watcher() -> Watcher:
    return one_that_has_watched(LIMIT)


def one_that_has_watched(seconds: float) -> Watcher:
    watcher = Watcher()
    canary.ensure("shared")
    watcher.look()
    assert watcher._began_at is not None
    watcher._began_at -= dt.timedelta(seconds=seconds)
    return watcher


def late(seconds: float = LIMIT + 51) -> None:
    """Since then nothing was answered."""
    for row in Canary.objects.all():
        ago = dt.timedelta(seconds=seconds)
        row.emitted_at = row.emitted_at and row.emitted_at - ago
        row.waits_since = row.waits_since and row.waits_since - ago
        row.save()


def open_alerts() -> list[Alert]:
    return list(Alert.objects.filter(resolved_at=None))


def test_all_is_well(watcher: Watcher, run_everything_due: Run) -> None:
    run_everything_due()
    with CaptureQueriesContext(connection) as asked:
        watcher.look()
    assert (len(asked), open_alerts()) == (1, [])


def test_it_is_told_once_and_closed_when_it_is_over(
    watcher: Watcher, run_everything_due: Run
) -> None:
    User.objects.create_superuser("root", email="root@example.org")
    run_everything_due()
    late()
    other = one_that_has_watched(LIMIT)
    for one in (watcher, other, watcher):
        one.look()
    (alert,) = open_alerts()
    assert (alert.kind, alert.times, canary.states()[0].late) == ("lag", 1, 1)
    assert alert.message.startswith("A synthetic event was not answered within 60 s")
    (letter,) = mail.outbox
    assert letter.to == ["root@example.org"]
    assert "Triggerfish itself needs somebody" in letter.body
    assert "not answered within 60 s" in letter.body
    run_everything_due()
    other.look()
    assert open_alerts() == []
    assert len(mail.outbox) == 1


def test_it_begins_where_nobody_ever_emitted_one() -> None:
    watcher = Watcher()
    watcher.look()
    watcher = one_that_has_watched(LIMIT)
    late()
    watcher.look()
    assert len(open_alerts()) == 1


@pytest.mark.parametrize("pause", ["it has just been started", "the database was away"])
def test_a_system_that_was_off_is_given_time(
    watcher: Watcher, run_everything_due: Run, pause: str
) -> None:
    run_everything_due()
    late(3600)
    if pause == "it has just been started":
        watcher = Watcher()
    else:
        assert watcher._looked_at is not None
        watcher._looked_at -= dt.timedelta(seconds=LIMIT)
    watcher.look()
    assert open_alerts() == []
    assert watcher._began_at is not None
    watcher._began_at -= dt.timedelta(seconds=LIMIT)
    watcher.look()
    assert len(open_alerts()) == 1


def test_two_who_see_it_in_one_moment_raise_one_alert(run_everything_due: Run) -> None:
    run_everything_due()
    watchers = [one_that_has_watched(LIMIT) for _ in range(4)]
    late()
    gate = threading.Barrier(len(watchers))

    def look(watcher: Watcher) -> None:
        gate.wait()
        watcher.look()
        connections.close_all()

    threads = [threading.Thread(target=look, args=[watcher]) for watcher in watchers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Alert.objects.count() == 1
    assert canary.states()[0].late == 1


def test_who_runs_the_installation_sees_it_and_nobody_else(
    watcher: Watcher, acme: Workspace, member: Callable[..., User], run_everything_due: Run
) -> None:
    root = User.objects.create_superuser("root", email="root@example.org")
    viewer = member("viola", role=Role.EDITOR)
    Membership.objects.create(workspace=acme, user=root, role=Role.OWNER)
    run_everything_due()
    late()
    watcher.look()
    (alert,) = open_alerts()
    client = Client()
    client.force_login(viewer)
    seen = client.get("/").content
    assert b"answered late on this server" in seen
    assert b"not answered within" not in seen
    assert client.post(f"/alerts/{alert.pk}/resolve/").status_code == 404
    client.force_login(root)
    assert b"not answered within" in client.get("/").content
    assert b"not answered within" in client.get("/admin/executions/alert/").content
    assert client.post(f"/alerts/{alert.pk}/resolve/").status_code == 302
    assert open_alerts() == []


@pytest.fixture
def quick(settings: Settings) -> Iterator[None]:
    settings.CANARY_LIMIT_SECONDS = 0.6
    yield
    connections.close_all()


def _wait_for_an_alert() -> None:
    wait_until(Alert.objects.exists)
    connections.close_all()  # of this thread


@pytest.mark.usefixtures("quick")
async def test_a_web_process_watches_from_its_start_to_its_end() -> None:
    told: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    said: list[str] = []

    async def send(message: dict[str, str]) -> None:
        said.append(message["type"])

    web = asyncio.create_task(application({"type": "lifespan"}, told.get, send))
    told.put_nowait({"type": "lifespan.startup"})
    await asyncio.to_thread(_wait_for_an_alert)
    told.put_nowait({"type": "lifespan.shutdown"})
    await web
    assert said == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    await asyncio.to_thread(wait_until, _nobody_watches)


def _nobody_watches() -> bool:
    return all(thread.name != "canary" for thread in threading.enumerate())


@pytest.mark.usefixtures("quick")
def test_a_database_that_is_away_is_told_once(
    settings: Settings, caplog: pytest.LogCaptureFixture, run_everything_due: Run
) -> None:
    run_everything_due()
    with link.to(settings.DATABASE_URL) as (wire, _):
        before = dict(connections.settings["default"])
        connections.settings["default"] |= {"HOST": "127.0.0.1", "PORT": str(wire.port)}
        wire.cut()
        watcher = Watcher()
        watcher.start()
        try:
            wait_until(lambda: "the database is away" in caplog.text)
        finally:
            watcher.stop()
            assert watcher._thread is not None
            watcher._thread.join(10)
            connections.settings["default"].update(before)
    assert caplog.text.count("the database is away") == 1
    sweep.sweep()
