"""What our code never does, read out of the code itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
APPS = ("agents", "config", "crm", "executions", "triggers")
FILES = sorted(
    path for app in APPS for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts
)
RUNS_TEXT = {"eval", "exec", "compile", "__import__"}
UNPACKS = {"pickle", "marshal", "shelve", "dill", "jsonpickle"}


def _nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text()))


def _found(path: Path, faults: Iterator[ast.AST]) -> list[str]:
    return [f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}" for node in faults]


def running_text(path: Path) -> list[str]:
    return _found(
        path,
        (
            node
            for node in _nodes(path)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in RUNS_TEXT
        ),
    )


def unpacking(path: Path) -> list[str]:
    def names(node: ast.AST) -> set[str]:
        if isinstance(node, ast.Import):
            return {alias.name.partition(".")[0] for alias in node.names}
        return {str(node.module).partition(".")[0]} if isinstance(node, ast.ImportFrom) else set()

    return _found(path, (node for node in _nodes(path) if names(node) & UNPACKS))


def test_no_text_is_run_as_code() -> None:
    assert len(FILES) > 300
    assert [fault for path in FILES for fault in running_text(path)] == []


def test_nothing_is_unpacked_that_may_run_code() -> None:
    assert [fault for path in FILES for fault in unpacking(path)] == []


@pytest.mark.parametrize(
    ("find", "code"),
    [
        (running_text, "def f(text):\n    return eval(text)"),
        (running_text, "exec('a = 1')"),
        (unpacking, "import pickle"),
        (unpacking, "from marshal import loads"),
    ],
    ids=["eval", "exec", "pickle", "marshal"],
)
def test_the_search_finds_it(
    find: object, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    path = tmp_path / "a.py"
    path.write_text(code)
    assert callable(find)
    assert len(find(path)) == 1
