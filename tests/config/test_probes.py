"""Asking what may hang."""

from __future__ import annotations

import threading
import time

import pytest

from config.lib import probes
from config.lib.probes import Probe, Silent


def test_an_answer_serves_for_a_moment() -> None:
    asked: list[int] = []

    def ask() -> int:
        asked.append(1)
        return len(asked)

    probe = Probe(ask)
    assert [probe.answer(patience=30), probe.answer(patience=30)] == [1, 1]
    probe.forget()
    assert probe.answer(patience=30) == 2


def test_it_is_asked_anew_when_the_answer_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "FRESH_SECONDS", 0.0)
    counter = iter(range(5))
    probe = Probe(lambda: next(counter))
    assert [probe.answer(patience=30) for _ in range(3)] == [0, 1, 2]


def test_what_it_raises_is_raised() -> None:
    def ask() -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        Probe(ask).answer(patience=30)


def test_silence_is_told_at_once_and_asked_once() -> None:
    go_on, asked = threading.Event(), []

    def ask() -> str:
        asked.append(1)
        go_on.wait(60)
        return "here"

    probe = Probe(ask)
    with pytest.raises(Silent):
        probe.answer(patience=0.05)
    began = time.monotonic()
    for _ in range(100):
        with pytest.raises(Silent):
            probe.answer(patience=0.05)
    assert time.monotonic() - began < 30
    assert len(asked) == 1
    go_on.set()
    assert probe.answer(patience=60) == "here"
