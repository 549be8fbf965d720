"""What a fault script is: a promise, a fault, and figures that were asked for and seen.

    @script.register(small=20, full=200, settings=script.QUICK)
    def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
        ...
        yield exactly("events lost", lost, 0)

One module in `tests/faults/scripts/` holds one script and is named after what it proves; its docstring is the promise.
"""

from __future__ import annotations

import os
import random
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from config.lib.registry import Registry
from tests.faults import rabbitmq

if TYPE_CHECKING:
    from tests.faults.ground import Ground

BROKERS = ("rabbitmq", "redis")
QUICK = {"LEASE_SECONDS": "3", "GRACE_SECONDS": "2"}  # a dead worker is noticed in seconds


@dataclass(frozen=True)
class Figure:
    """One thing that was asked for, and what was seen."""

    name: str
    asked: str
    seen: str
    holds: bool

    def __str__(self) -> str:
        return f"  {'ok  ' if self.holds else 'FAIL'}  {self.name}: asked {self.asked}, seen {self.seen}"


def exactly(name: str, seen: object, asked: object) -> Figure:
    return Figure(name, str(asked), str(seen), seen == asked)


def at_most(name: str, seen: float | None, asked: float) -> Figure:
    """`seen` None: it never happened."""
    shown = "never" if seen is None else f"{seen:g}" if isinstance(seen, int) else f"{seen:.2f}"
    return Figure(name, f"at most {asked:g}", shown, seen is not None and seen <= asked)


def at_least(name: str, seen: float, asked: float) -> Figure:
    return Figure(name, f"at least {asked:g}", f"{seen:g}", seen >= asked)


def until(is_true: Callable[[], bool], *, seconds: float = 60, every: float = 0.05) -> float | None:
    """Waits; answers how many seconds it took, or None where it did not come true in time."""
    began = time.monotonic()
    while not is_true():
        if time.monotonic() - began > seconds:
            return None
        time.sleep(every)
    return time.monotonic() - began


def worst(waits: Iterable[float | None]) -> float | None:
    """The longest of what `until` answered; None where one of them never came true."""
    longest = 0.0
    for seconds in waits:
        if seconds is None:
            return None
        longest = max(longest, seconds)
    return longest


Prove = Callable[["Ground", int, random.Random], Iterator[Figure]]


@dataclass(frozen=True)
class Script:
    """`small` is the size of `make test`, `full` that of the promise; `settings` are those of its processes;
    `promises` the numbers of what it proves (`tests.faults.promises`); `broker` the one that it is about, if any.
    """

    name: str
    promise: str
    prove: Prove
    small: int
    full: int
    settings: Mapping[str, str] = field(default_factory=dict)
    promises: tuple[str, ...] = ()
    broker: str = ""
    needs: Callable[[], object] | None = None

    @property
    def can_run(self) -> bool:
        """Whether this machine has what it needs; see `needs` of `register`."""
        return self.needs is None or bool(self.needs())


registry: Registry[Script] = Registry("fault scripts")


def register(
    *promises: str,
    small: int,
    full: int,
    settings: Mapping[str, str] | None = None,
    broker: str = "",
    needs: Callable[[], object] | None = None,
) -> Callable[[Prove], Prove]:
    """`broker`: `redis` or `rabbitmq`, where it proves nothing on the other one.

    `needs`: what a machine may lack; where it answers nothing, tests leave the script out and say so.
    """

    def add(prove: Prove) -> Prove:
        module = sys.modules[prove.__module__]
        name = prove.__module__.rpartition(".")[2].replace("_", "-")
        promise = (module.__doc__ or "").strip()
        one = Script(name, promise, prove, small, full, settings or {}, promises, broker, needs)
        registry.register(name, one)
        return prove

    return add


def usual_broker() -> str:
    """The kind of CELERY_BROKER_URL, where one can be started here."""
    is_meant = os.environ.get("CELERY_BROKER_URL", "").startswith(("amqp", "pyamqp"))
    return "rabbitmq" if is_meant and rabbitmq.is_installed() else "redis"


def broker_of(name: str) -> str:
    """The one that this script runs on."""
    return registry.get(name).broker or usual_broker()


def run(script: Script, ground: Ground, *, size: int, seed: int) -> tuple[Figure, ...]:
    """Runs it and prints its figures as they come. Not all of them hold where it failed. The ground is left empty."""
    began = time.monotonic()
    print(f"{script.name} (size {size}, seed {seed}): {script.promise.splitlines()[0]}", flush=True)
    figures: list[Figure] = []
    try:
        ground.begin(script.settings)
        for figure in _figures(script, ground, size, seed):
            print(figure, flush=True)
            figures.append(figure)
    except Exception as error:  # noqa: BLE001 - the next script is to run all the same
        print(f"  FAIL  it broke:\n{traceback.format_exc()}", flush=True)
        figures.append(Figure("the script", "runs to its end", type(error).__name__, holds=False))
    finally:
        ground.end()
    said = "passed" if all_hold(figures) else "FAILED"
    print(f"  {said} in {time.monotonic() - began:.1f} s", flush=True)
    return tuple(figures)


def all_hold(figures: Iterable[Figure]) -> bool:
    return all(figure.holds for figure in figures)


def _figures(script: Script, ground: Ground, size: int, seed: int) -> Iterator[Figure]:
    yield from script.prove(ground, size, random.Random(seed))
    yield _invariants(ground)


def _invariants(ground: Ground) -> Figure:
    """`manage.py verify_invariants`, with the events whose commit the script saw."""
    from io import StringIO

    from django.core.management import CommandError, call_command

    from tests.faults import rows

    said = StringIO()
    ids = ground.place.root / "accepted"
    ids.write_text("\n".join(map(str, rows.accepted)))
    try:
        call_command("verify_invariants", accepted=ids, stdout=said)
    except CommandError:
        return Figure("verify_invariants", "all hold", said.getvalue().strip(), holds=False)
    return Figure("verify_invariants", "all hold", "all hold", holds=True)
