"""Logging in and out, and guessing."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from executions.pages import door


def log_in(client: Client, password: str, address: str) -> int:
    answer = client.post("/login/", {"username": "ann", "password": password}, REMOTE_ADDR=address)
    return answer.status_code


def test_in_and_out(owner: User) -> None:
    client = Client(headers={"accept": "text/html"})
    assert (
        b"do not fit together"
        in client.post("/login/", {"username": "ann", "password": "no"}).content
    )
    assert log_in(client, "ann-password", "192.0.2.1") == 302
    assert client.get("/").status_code == 200
    assert client.post("/logout/").status_code == 302
    assert client.get("/").status_code == 302


def test_guessing_is_slowed_down(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "TRIES_PER_MINUTE", 2)
    address = f"2001:db8:{owner.pk % 0xFFFF:x}::1"
    answers = [log_in(Client(), "wrong", address) for _ in range(4)]
    assert 429 in answers
