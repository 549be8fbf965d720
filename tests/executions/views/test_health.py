"""Liveness and readiness, without a login."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from pytest_django import Settings

from executions import health, heartbeats

SIGNS = ("scheduler", "tick", "dispatch", "execute", "alone")


@pytest.fixture(autouse=True)
def fresh(db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(health, "PATIENCE_SECONDS", 10.0)  # how quick it is, is asked elsewhere
    settings.CELERY_KEY_PREFIX = "test_readyz:"
    health.forget()
    heartbeats._client().delete(heartbeats._key())
    yield
    health.forget()


def test_liveness_needs_nothing() -> None:
    answer = Client().get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_ready_when_all_are_there() -> None:
    heartbeats.tell(*SIGNS)
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready"})


@pytest.mark.parametrize("missing", ["scheduler", "tick", "dispatch", "execute"])
def test_not_ready_when_one_is_missing(missing: str) -> None:
    heartbeats.tell(*[one for one in SIGNS if one != missing])
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"status": "not ready"})
    assert answer["Retry-After"]


def test_the_worker_for_suspects_may_be_missing() -> None:
    heartbeats.tell("scheduler", "tick", "dispatch", "execute")
    assert Client().get("/readyz").status_code == 200


def test_only_reading() -> None:
    assert Client().post("/healthz").status_code == 405
