"""Counters of several processes, added up in a real Redis."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from config.lib import counters
from config.lib.counters import Counter, Histogram


@pytest.fixture(autouse=True)
def own_place(settings: Settings) -> Iterator[None]:
    counters.flush()  # what others counted goes where it belongs
    settings.CELERY_KEY_PREFIX = "test_counters:"
    counters._client().delete(counters._hash())
    known = list(counters.metrics)
    yield
    counters.metrics[:] = known
    counters.flush()
    counters._client().delete(counters._hash())


def test_what_threads_count_adds_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counters, "_current", None)  # nobody has counted here before
    refused = Counter("test_refused_total", "", ("reason",))

    together = threading.Barrier(4)

    def count() -> None:
        together.wait(10)
        for _ in range(500):
            refused.add("late")
        refused.add("early", amount=2)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counters.flush()
    found = counters.read()
    assert found["test_refused_total", ("late",), ""] == 2000
    assert found["test_refused_total", ("early",), ""] == 8
    counters._box().close()


def test_a_forked_process_counts_for_itself() -> None:
    both = Counter("test_both_total", "")
    both.add()
    child = os.fork()
    if not child:
        both.add(amount=10)
        counters.flush()
        os._exit(0)
    os.waitpid(child, 0)
    counters.flush()
    assert counters.read()["test_both_total", (), ""] == 11


def test_seconds_fall_into_buckets() -> None:
    took = Histogram("test_took_seconds", "")
    for seconds in (0.001, 0.005, 0.3, 1000.0, -1.0):
        took.observe(seconds)
    with took.timed():
        pass
    counters.flush()
    found = {part: n for (name, _, part), n in counters.read().items() if name == took.name}
    assert (found["0.005"], found["0.5"], found["+Inf"]) == (4, 1, 1)
    assert found["sum"] == pytest.approx(1000.306, abs=0.01)


def test_labels_that_run_wild_are_one_series() -> None:
    wild = Counter("test_wild_total", "", ("path", "method"))
    for number in range(1000):
        wild.add(f"/{number}", "GET")
    wild.add("/3", "GET")
    counters.flush()
    found = {labels: n for (name, labels, _), n in counters.read().items() if name == wild.name}
    assert len(found) == counters.MOST_SERIES + 1
    assert found["other", "other"] == 1000 - counters.MOST_SERIES
    assert found["/3", "GET"] == 2


def test_while_redis_is_away_figures_wait(settings: Settings) -> None:
    patient = Counter("test_patient_total", "")
    url = settings.REDIS_URL
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    patient.add()
    counters.flush()
    settings.REDIS_URL = url
    patient.add()
    counters.flush()
    assert counters.read()["test_patient_total", (), ""] == 2
