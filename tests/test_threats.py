"""docs/threats.md names tests and groups of the corpus: each of them is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.corpus import reading

ROOT = Path(__file__).parent.parent
ROWS = [
    [cell.strip() for cell in line.strip("| ").split(" | ")]
    for line in (ROOT / "docs/threats.md").read_text().splitlines()
    if line.startswith("| ") and not line.startswith("| threat |")
]


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_a_threat_has_tests(row: list[str]) -> None:
    threat, _, tests = row
    named = re.findall(r"`(tests/[^`]+)::([^`]+)`", tests)
    assert named, threat
    assert [name for path, name in named if name not in _tests_in(path)] == []
    groups = re.findall(r"`(\w+)`", tests.partition("corpus ")[2])
    assert [group for group in groups if not (reading.FOLDER / f"{group}.yaml").exists()] == []


def test_each_group_of_the_corpus_is_named() -> None:
    said = (ROOT / "docs/threats.md").read_text()
    unnamed = {path.stem for path in reading.FOLDER.glob("*.yaml") if f"`{path.stem}`" not in said}
    assert unnamed <= {"rest", "forms_page"}  # who may do what, and what is told on a page


def _tests_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    return {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
