"""docs/reliability.md: what each script asked and saw when it last ran at full size, a section per script.

A run replaces the section of its own script; the others stay as they were. Above them stands a table of the promises.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from config.up.place import REPOSITORY
from tests.faults.promises import PROMISES
from tests.faults.script import Figure

PAGE = REPOSITORY / "docs" / "reliability.md"
_HEAD = """\
# Reliability: what is promised, and what was seen

`make faults` breaks a real Triggerfish with real faults, at full size, and writes this page; `make faults ONLY=P3`
runs the scripts of one promise, `ONLY=redis-may-be-wiped` one script. [faults.md](faults.md) says how the scripts work.
Every run also ends with `manage.py verify_invariants`. A figure in bold did not hold.

| | promise | shown by | holds | seen |
|---|---|---|---|---|
"""
_NAME = re.compile(r"^### (?P<name>[a-z-]+)$", re.MULTILINE)
_PROMISE = re.compile(r"^- (?P<number>P\d+): ", re.MULTILINE)
_DAY = re.compile(r"^\d{4}-\d\d-\d\d", re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """One script that ran, with all its figures in order; `on` is what it ran on (tests.faults.versions), `settings`
    those of its processes.
    """

    script: str
    promises: tuple[str, ...]
    size: int
    seed: int
    seconds: float
    figures: tuple[Figure, ...]
    on: str
    settings: Mapping[str, str]

    def section(self, *, today: dt.date) -> str:
        """Its heading, what it proves, the command, when and on what, and a row per figure."""
        proves = [f"- {number}: {PROMISES[number]}\n" for number in self.promises]
        proves = proves or ["No promise of its own.\n"]
        settings = " ".join(f"{name}={value}" for name, value in self.settings.items())
        command = f"`make faults ONLY={self.script}`: size {self.size:,}, seed {self.seed}"
        command += f", with `{settings}`" if settings else ""
        rows = "".join(
            f"| {_cell(one.name)} | {_cell(one.asked)} | {_seen(one)} |\n" for one in self.figures
        )
        return (
            f"### {self.script}\n\n{''.join(proves)}\n{command}\n\n"
            f"{today:%Y-%m-%d}, {self.seconds:,.0f} s, {self.on}\n\n"
            f"| figure | asked | seen |\n|---|---|---|\n{rows}\n"
        )


def write(runs: Iterable[Run], *, page: Path = PAGE, today: dt.date | None = None) -> None:
    """Puts the sections of these runs in their places; several processes may do so at the same time."""
    today = today or dt.datetime.now(dt.UTC).date()
    with page.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        sections = _sections(file.read())
        sections.update({run.script: run.section(today=today) for run in runs})
        ordered = sorted(sections.values(), key=_order)
        file.truncate(0)
        file.write(_HEAD + "".join(_overview(ordered)) + "\n" + "".join(ordered).rstrip() + "\n")


def _sections(page: str) -> dict[str, str]:
    """By script."""
    starts = [found.start() for found in _NAME.finditer(page)]
    texts = [page[start:end] for start, end in pairwise([*starts, len(page)])]
    return {_name(text): text.rstrip() + "\n\n" for text in texts}


def _overview(sections: Iterable[str]) -> Iterator[str]:
    """A row for each promise and each script that shows it, those without one last."""
    rows = []
    for section in sections:
        name, day = _name(section), _DAY.search(section)
        holds = "**no**" if "| **" in section else "yes"
        for number in _numbers(section):
            shown = f"[{name}](#{name})"
            row = f"| {number} | {PROMISES.get(number, '')} | {shown} | {holds} | {day[0] if day else ''} |\n"
            rows.append((_rank(number), name, row))
    yield from (row for *_, row in sorted(rows))


def _name(section: str) -> str:
    found = _NAME.match(section)
    if found is None:
        raise ValueError(f"This is no section of a script: {section[:80]}")
    return found["name"]


def _numbers(section: str) -> list[str]:
    """`""` alone where it has no promise of its own."""
    return [found["number"] for found in _PROMISE.finditer(section)] or [""]


def _order(section: str) -> tuple[int, str]:
    """By its first promise; scripts without one come last."""
    return min(map(_rank, _numbers(section))), _name(section)


def _rank(number: str) -> int:
    return int(number[1:]) if number else 1_000


def _seen(figure: Figure) -> str:
    return _cell(figure.seen) if figure.holds else f"**{_cell(figure.seen)}**"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
