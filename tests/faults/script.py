"""What a fault script is: a promise, a fault, and figures that were asked for and seen.

    @script.register(small=20, full=200, settings=script.QUICK)
    def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
        ...
        yield exactly("events lost", lost, 0)

One module in `tests/faults/scripts/` holds one script and is named after what it proves; its docstring is the promise.
"""

from __future__ import annotations

import random
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from config.lib.registry import Registry

if TYPE_CHECKING:
    from tests.faults.ground import Ground

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


Prove = Callable[["Ground", int, random.Random], Iterator[Figure]]


@dataclass(frozen=True)
class Script:
    """`small` is the size of `make test`, `full` that of the promise; `settings` are those of its processes."""

    name: str
    promise: str
    prove: Prove
    small: int
    full: int
    settings: Mapping[str, str] = field(default_factory=dict)


registry: Registry[Script] = Registry("fault scripts")


def register(
    *, small: int, full: int, settings: Mapping[str, str] | None = None
) -> Callable[[Prove], Prove]:
    def add(prove: Prove) -> Prove:
        module = sys.modules[prove.__module__]
        name = prove.__module__.rpartition(".")[2].replace("_", "-")
        promise = (module.__doc__ or "").strip()
        registry.register(name, Script(name, promise, prove, small, full, settings or {}))
        return prove

    return add


def run(script: Script, ground: Ground, *, size: int, seed: int) -> bool:
    """Runs it and prints its figures as they come; whether all of them hold. The ground is left empty."""
    began = time.monotonic()
    print(f"{script.name} (size {size}, seed {seed}): {script.promise.splitlines()[0]}", flush=True)
    holds = True
    try:
        ground.begin(script.settings)
        for figure in _figures(script, ground, size, seed):
            print(figure, flush=True)
            holds = holds and figure.holds
    except Exception:  # noqa: BLE001 - the next script is to run all the same
        print(f"  FAIL  it broke:\n{traceback.format_exc()}", flush=True)
        holds = False
    finally:
        ground.end()
    print(f"  {'passed' if holds else 'FAILED'} in {time.monotonic() - began:.1f} s", flush=True)
    return holds


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
