"""Notices leave after the commit, numbered and bundled, and never hurt who pushes them."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import msgpack
import pytest
import redis
from django.conf import settings
from django.db import transaction

from executions import live, numbering

Notices = list[dict[str, Any]]


class Listener:
    """What the group of a workspace hears, read straight from Redis."""

    def __init__(self, workspace_id: uuid.UUID) -> None:
        self.pubsub: Any = redis.Redis.from_url(settings.REDIS_URL).pubsub()  # type: ignore[no-untyped-call]
        self.pubsub.subscribe(f"triggerfish-live__group__{live.group(workspace_id)}")
        assert self.pubsub.get_message(timeout=1)

    def messages(self) -> list[Notices]:
        """Every group message so far, each as its notices."""
        assert live.settle()
        heard = []
        while message := self.pubsub.get_message(timeout=0.1):
            body = msgpack.unpackb(message["data"])
            heard.append([json.loads(text) for _, text in body["notices"]])
        return heard


@pytest.fixture
def workspace_id() -> uuid.UUID:
    return uuid.uuid4()


@pytest.fixture
def listener(workspace_id: uuid.UUID) -> Iterator[Listener]:
    listener = Listener(workspace_id)
    yield listener
    listener.pubsub.close()


def test_pushes_of_one_moment_are_one_message_with_consecutive_numbers(
    workspace_id: uuid.UUID, listener: Listener
) -> None:
    for number in range(3):
        live.push(workspace_id, {"type": "test", "number": number})
    (notices,) = listener.messages()
    assert [notice["number"] for notice in notices] == [0, 1, 2]
    assert [notice["seq"] for notice in notices] == [1, 2, 3]
    assert all(notice["at"].endswith("Z") for notice in notices)


@pytest.mark.django_db(transaction=True)
def test_a_notice_waits_for_the_commit(workspace_id: uuid.UUID, listener: Listener) -> None:
    with transaction.atomic():
        live.push(workspace_id, {"type": "test"})
        assert listener.messages() == []
    assert len(listener.messages()) == 1


@pytest.mark.django_db(transaction=True)
def test_a_rollback_tells_nothing(workspace_id: uuid.UUID, listener: Listener) -> None:
    with transaction.atomic():
        live.push(workspace_id, {"type": "test"})
        transaction.set_rollback(True)
    assert listener.messages() == []


def test_a_crowd_is_thinned_to_the_last_word_of_each_execution(
    workspace_id: uuid.UUID, listener: Listener
) -> None:
    ids = [uuid.uuid4() for _ in range(60)]
    live.push_many(
        workspace_id,
        [
            {"type": f"execution:{change}", "execution_id": pk}
            for change in ("queued", "started", "finished")
            for pk in ids
        ],
    )
    (notices,) = listener.messages()
    assert {notice["type"] for notice in notices} == {"execution:finished"}
    assert [notice["execution_id"] for notice in notices] == [str(pk) for pk in ids]


def test_too_much_ends_in_an_overflow(workspace_id: uuid.UUID, listener: Listener) -> None:
    live.push_many(workspace_id, [{"type": "test", "number": number} for number in range(1000)])
    (notices,) = listener.messages()
    assert len(notices) == live.MAX_PER_FLUSH + 1
    assert notices[-1]["type"] == "overflow"


def test_what_redis_did_not_take_is_made_good_by_an_overflow(
    workspace_id: uuid.UUID, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = live.figures()["failed"]
    away = redis.Redis.from_url("redis://127.0.0.1:1/0", retry=None)
    with monkeypatch.context() as patched:
        patched.setattr(numbering, "_client", away)
        began = time.monotonic()
        live.push(workspace_id, {"type": "lost"})
        assert time.monotonic() - began < 2  # not for as long as Redis is tried
        assert listener.messages() == []
        assert live.figures()["failed"] > failed
    notice = listener.pubsub.get_message(timeout=3)
    body = msgpack.unpackb(notice["data"])
    assert [json.loads(text)["type"] for _, text in body["notices"]] == ["overflow"]
