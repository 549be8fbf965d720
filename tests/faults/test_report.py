"""docs/reliability.md keeps a section per script, the newest."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from config.lib import registry
from tests.faults import __main__ as command
from tests.faults import report, script
from tests.faults.promises import PROMISES
from tests.faults.report import Run
from tests.faults.script import at_most, exactly

TODAY = dt.date(2026, 11, 21)
registry.load("tests.faults.scripts")


def run(name: str, *promises: str, lost: int = 0) -> Run:
    figures = (exactly("events lost", lost, 0), at_most("seconds", 6.04, 15))
    on, settings = "2 cores; Python 3.11.7, Valkey 9.1.0", {"LEASE_SECONDS": "3"}
    return Run(name, promises, 5_000, 1, 61.2, figures, on, settings)


def rows(page: Path) -> list[list[str]]:
    """Of the table of promises."""
    lines = [line for line in page.read_text().splitlines() if line.endswith("2026-11-21 |")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_promises_stand_in_their_order(tmp_path: Path) -> None:
    page = tmp_path / "reliability.md"
    report.write([run("b-holds", "P10")], page=page, today=TODAY)
    report.write([run("a-holds", "P3", "P4"), run("no-number")], page=page, today=TODAY)
    assert [row[0] for row in rows(page)] == ["P3", "P4", "P10", ""]
    assert rows(page)[0][1:] == [PROMISES["P3"], "[a-holds](#a-holds)", "yes", "2026-11-21"]
    headings = [line for line in page.read_text().splitlines() if line.startswith("### ")]
    assert headings == ["### a-holds", "### b-holds", "### no-number"]


def test_a_section_says_all_about_a_run(tmp_path: Path) -> None:
    page = tmp_path / "reliability.md"
    report.write([run("a-holds", "P3")], page=page, today=TODAY)
    assert page.read_text().endswith(
        f"""### a-holds

- P3: {PROMISES["P3"]}

`make faults ONLY=a-holds`: size 5,000, seed 1, with `LEASE_SECONDS=3`

2026-11-21, 61 s, 2 cores; Python 3.11.7, Valkey 9.1.0

| figure | asked | seen |
|---|---|---|
| events lost | 0 | 0 |
| seconds | at most 15 | 6.04 |
"""
    )


def test_a_newer_run_takes_the_place_of_an_older_one(tmp_path: Path) -> None:
    page = tmp_path / "reliability.md"
    report.write([run("a-holds", "P3"), run("b-holds", "P4")], page=page, today=TODAY)
    report.write([run("a-holds", "P3", lost=2)], page=page, today=TODAY)
    assert [row[3] for row in rows(page)] == ["**no**", "yes"]
    assert "| events lost | 0 | **2** |" in page.read_text(), "what did not hold is said"


def test_each_promise_is_proved() -> None:
    proved = {one for name in script.registry for one in script.registry.get(name).promises}
    assert proved == PROMISES.keys()


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["P3"], ["rabbitmq-may-be-purged", "redis-may-be-wiped"]),
        (["p21"], ["dripping-model-is-cut-off", "slow-peer-is-cut-off"]),
        (["redis-may-be-wiped", "P3"], ["redis-may-be-wiped", "rabbitmq-may-be-purged"]),
        (["all"], script.registry.names()),
    ],
)
def test_scripts_are_chosen_by_name_or_promise(names: list[str], chosen: list[str]) -> None:
    assert command._chosen(names) == chosen


def test_a_name_of_nothing_is_said() -> None:
    with pytest.raises(SystemExit, match="No script proves P99"):
        command._chosen(["P99"])


@pytest.mark.parametrize(
    ("broker", "chosen"),
    [
        ("", ["rabbitmq-may-be-purged", "redis-may-be-wiped"]),
        ("redis", ["redis-may-be-wiped"]),
        ("rabbitmq", ["rabbitmq-may-be-purged", "redis-may-be-wiped"]),
    ],
)
def test_a_script_about_one_broker_runs_on_no_other(
    broker: str, chosen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script.Script, "can_run", True)
    assert command._able(["P3"], broker) == chosen
