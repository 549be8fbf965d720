"""What a person reads while `make run` runs: little. Everything else is in the logs."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from config.up.address import Address
from config.up.child import Program
from config.up.place import REPOSITORY, Place

_COLOURED = sys.stdout.isatty() and "NO_COLOR" not in os.environ


def say(sentence: str) -> None:
    print(sentence, flush=True)


def starting(servers: Sequence[Program]) -> None:
    say(f"Starting {', '.join([*(program.name for program in servers), 'Triggerfish'])} ...")


def stopping() -> None:
    say("\nStopping; Ctrl-C once more to hurry.")


def welcome(
    address: Address, place: Place, *, form: str | None, password: str | None, seconds: float
) -> None:
    """`password` is None where the demo's no longer holds."""
    rows = [
        ("Dashboard", f"{address}/"),
        ("Admin", f"{address}/admin/"),
        ("API", f"{address}/api/docs/"),
    ]
    if form:
        rows.append(("Form", f"{address}{form}   fill it in, and watch the dashboard"))
    rows.append(
        ("Log in as", f"admin / {password}" if password else "the user and password that you chose")
    )
    say(_bold(f"\nTriggerfish runs, after {seconds:.1f} s.\n"))
    for name, value in rows:
        say(f"  {name:<11}{value}")
    say(f"\n  Logs are in {shown(place.logs)}/. Ctrl-C stops everything.\n")


def not_ready(place: Place) -> None:
    say(
        _red(
            f"  The pages answer, the agents do not run yet. Why stands in {shown(place.logs)}/.\n"
        )
    )


def died(program: Program, code: int, delay: float) -> None:
    """The last lines of its log, so that nobody has to look for them."""
    how = (
        f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    )
    say(
        _red(
            f"{time.strftime('%H:%M:%S')} {program.name} {how}; it starts again in {delay:.0f} s. {shown(program.log)}:"
        )
    )
    for line in program.last_lines():
        say(f"    {line[:500]}")


def shown(path: Path) -> str:
    """Short where it lies below us."""
    return str(path.relative_to(REPOSITORY)) if path.is_relative_to(REPOSITORY) else str(path)


def _bold(text: str) -> str:
    return f"\033[1m{text}\033[0m" if _COLOURED else text


def _red(text: str) -> str:
    return f"\033[31m{text}\033[0m" if _COLOURED else text
