"""Liveness and readiness, without a login."""

from __future__ import annotations

import pytest
from django.test import Client

from executions import readiness


def test_liveness_needs_nothing() -> None:
    answer = Client().get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_ready_when_all_answer(db: None) -> None:
    readiness.tick_seen()
    assert Client().get("/readyz").status_code == 200


@pytest.mark.parametrize("what", ["database_answers", "broker_answers", "workers_are_about"])
def test_not_ready_when_one_is_away(what: str, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    readiness.tick_seen()
    monkeypatch.setattr(readiness, what, lambda: False)
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"status": "not ready"})
    assert answer["Retry-After"]


def test_only_reading(db: None) -> None:
    assert Client().post("/healthz").status_code == 405
