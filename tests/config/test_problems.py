from __future__ import annotations

import pytest

from config.lib.problems import Problem, path_of


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        ([], ""),
        (["rules", 0, "operator"], "rules[0].operator"),
        ([2, "endpoint"], "[2].endpoint"),
        (["a", 1, 0], "a[1][0]"),
        (["a", "0"], "a.0"),
    ],
    ids=["the whole", "a list inside", "a list outside", "a list of lists", "a name of digits"],
)
def test_how_paths_are_written(parts: list[str | int], path: str) -> None:
    assert path_of(parts) == path


def test_a_path_from_further_out() -> None:
    assert Problem("rules[0]", "").below("conditions") == "conditions.rules[0]"
    assert Problem("[0].field", "").below("conditions") == "conditions[0].field"
