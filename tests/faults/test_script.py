"""A figure that does not hold fails its script, and a script that breaks has failed."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator, Mapping

import pytest

from tests.faults import script
from tests.faults.ground import Ground
from tests.faults.script import Figure, Script, at_least, at_most, exactly, worst


class Bare(Ground):
    """A ground on which nothing is started."""

    def begin(self, settings: Mapping[str, str]) -> None:
        """The rows are those of the test."""

    def end(self) -> None:
        shutil.rmtree(self.place.root)


@pytest.mark.parametrize(
    ("figure", "holds"),
    [
        (exactly("lost", 0, 0), True),
        (exactly("lost", 1, 0), False),
        (exactly("rows", {"completed": 2}, {"completed": 2}), True),
        (at_most("seconds", 1.5, 2), True),
        (at_most("seconds", 2.5, 2), False),
        (at_most("seconds", None, 2), False),
        (at_least("runs", 2, 2), True),
        (at_least("runs", 1, 2), False),
    ],
    ids=str,
)
def test_figures(figure: Figure, holds: bool) -> None:
    assert figure.holds is holds
    assert ("FAIL" in str(figure)) is not holds


@pytest.mark.parametrize(
    ("waits", "longest"), [([], 0.0), ([1.0, 3.0, 2.0], 3.0), ([1.0, None, 2.0], None)], ids=str
)
def test_the_worst_of_waits(waits: list[float | None], longest: float | None) -> None:
    assert worst(waits) == longest


@pytest.mark.parametrize("seen", [0, 1])
def test_a_script_passes_where_all_its_figures_hold(db: None, seen: int) -> None:
    def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
        yield exactly("lost", seen, 0)

    one = Script("some-script", "Nothing is lost.", prove, small=1, full=1)
    assert script.all_hold(script.run(one, Bare(), size=1, seed=1)) is (seen == 0)


def test_a_script_that_breaks_has_failed(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
        yield exactly("lost", 0, 0)
        raise ValueError("no such thing")

    one = Script("some-script", "Nothing is lost.", prove, small=1, full=1)
    assert not script.all_hold(script.run(one, Bare(), size=1, seed=1))
    assert "no such thing" in capsys.readouterr().out


def test_the_same_seed_makes_the_same_choices(db: None) -> None:
    def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
        chosen.append(chance.random())
        yield exactly("chosen", 1, 1)

    chosen: list[float] = []
    one = Script("some-script", "Nothing is lost.", prove, small=1, full=1)
    for seed in (7, 7, 8):
        script.run(one, Bare(), size=1, seed=seed)
    assert chosen[0] == chosen[1] != chosen[2]
