from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading

import pytest
from celery import current_app
from django.db import transaction

from config.lib import wake
from config.up.place import REPOSITORY

COMMAND = """
    import atexit, os, threading

    def tell():  # registered first, so it comes last
        print(*(one.name for one in threading.enumerate()))
        client = counters._client()
        print(*(float(one) for one in client.hvals(counters._hash())))
        client.delete(counters._hash())

    atexit.register(tell)
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    import django
    django.setup()
    from config.lib import counters, wake

    counters.Counter("test_ends_total", "").add()
    wake.dispatcher()
    assert len(threading.enumerate()) == 3, threading.enumerate()
"""


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """What was sent, instead of sending it."""
    calls: list[dict[str, object]] = []
    monkeypatch.setattr(
        current_app, "send_task", lambda name, **options: calls.append({"name": name, **options})
    )
    return calls


def wake_up() -> None:
    wake.answered(wake.WORK)
    wake._send(wake.WORK)


def test_one_wake_up_is_sent_until_it_is_answered(sent: list[dict[str, object]]) -> None:
    wake.answered(wake.WORK)
    wake._send(wake.WORK)
    wake._send(wake.WORK)
    assert [call["name"] for call in sent] == [wake.WORK]


def test_a_wake_up_expires(sent: list[dict[str, object]]) -> None:
    """Also from a process that does not know the tasks; else they pile up while no worker runs. Clocks may be two
    hours apart.
    """
    wake_up()
    assert sent[0]["expires"] == wake.EXPIRES_SECONDS > 2 * 3600


def test_threads_share_held_producers(sent: list[dict[str, object]]) -> None:
    for _ in range(3):
        thread = threading.Thread(target=wake_up)
        thread.start()
        thread.join()
    assert len({id(call["producer"]) for call in sent}) == 1


def test_a_commit_wakes_without_waiting(
    sent: list[dict[str, object]], transactional_db: None
) -> None:
    wake.answered(wake.DISPATCH)
    with transaction.atomic():
        wake.dispatcher()
        wake.dispatcher()
        assert wake.settle()
        assert sent == []
    assert wake.settle(5)
    assert [call["name"] for call in sent] == [wake.DISPATCH]


def test_who_asks_while_one_is_sent_is_sent_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []

    def send(task: str) -> None:
        names.append(task)
        if len(names) == 1:
            wake._sender().ask(task)

    monkeypatch.setattr(wake, "_send", send)
    wake._sender().ask(wake.WORK)
    assert wake.settle(5)
    assert names == [wake.WORK, wake.WORK]


@pytest.mark.timeout(60)
def test_no_thread_of_ours_outlives_a_command_and_what_it_counted_is_kept() -> None:
    """A thread that is inside a client's code when the interpreter ends may hold up its end for ever."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(COMMAND)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=REPOSITORY,
        env={**os.environ, "CELERY_KEY_PREFIX": f"test-ends-{os.getpid()}:"},
    )
    assert done.stdout.split() == ["MainThread", "1.0"]
