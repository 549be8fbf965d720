"""The registry: names register once, unknown ones are explained, packages load themselves."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from config.lib.registry import DuplicateName, Registry, UnknownName, closest, load, load_extensions

Kinds = Registry[Callable[[], str]]


def test_registers_as_a_call_and_as_a_decorator() -> None:
    kinds: Kinds = Registry("kinds")

    @kinds.register("round")
    def round_kind() -> str:
        return "round"

    kinds.register("angular", lambda: "angular")

    assert kinds.names() == list(kinds) == ["angular", "round"]
    assert kinds.get("round") is round_kind
    assert "round" in kinds
    assert "flat" not in kinds
    assert len(kinds) == 2
    assert kinds.module("round") == __name__


def test_refuses_a_name_that_is_taken() -> None:
    kinds: Kinds = Registry("kinds")
    kinds.register("round", lambda: "one")
    with pytest.raises(DuplicateName, match="'round' in kinds"):
        kinds.register("round", lambda: "two")
    assert kinds.get("round")() == "one"


def test_refuses_a_taken_name_behind_a_wrapper() -> None:
    kinds: Kinds = Registry("kinds")

    def register(name: str) -> None:
        kinds.register(name, lambda: "")

    register("round")
    with pytest.raises(DuplicateName):
        register("round")


def test_unknown_name_suggests_the_closest() -> None:
    kinds: Kinds = Registry("kinds")
    kinds.register("greater_than", lambda: "")
    with pytest.raises(UnknownName, match="Did you mean 'greater_than'") as caught:
        kinds.get("graeter_than")
    assert caught.value.suggestion == "greater_than"
    with pytest.raises(UnknownName) as caught:
        kinds.get("xyz")
    assert caught.value.suggestion is None


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        pytest.param("Proposl", "Proposal", id="typo"),
        pytest.param("PROPOSAL", "Proposal", id="case"),
        pytest.param("", None, id="empty"),
        pytest.param(7, None, id="no-text"),
        pytest.param("x" * 1000, None, id="too-long-to-compare"),
    ],
)
def test_closest(word: object, expected: str | None) -> None:
    assert closest(word, ["Lead", "Proposal", "Closed Won"]) == expected


@pytest.fixture
def shapes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package of two modules and a sub-package that register themselves in `shapes.registry`."""
    package = tmp_path / "shapes_for_tests"
    (package / "solid").mkdir(parents=True)
    (package / "__init__.py").write_text(
        "from config.lib.registry import Registry, load\n"
        "registry = Registry('shapes')\n"
        "load(__name__)\n"
    )
    for path, name in (
        ("square.py", "square"),
        ("circle.py", "circle"),
        ("solid/__init__.py", "solid"),
    ):
        (package / path).write_text(
            f"from shapes_for_tests import registry\nregistry.register('{name}', '{name}')\n"
        )
    monkeypatch.syspath_prepend(tmp_path)
    name_of_package = "shapes_for_tests"
    for name in [name for name in sys.modules if name.startswith(name_of_package)]:
        monkeypatch.delitem(sys.modules, name)
    return name_of_package


def test_load_imports_every_module_of_a_package(shapes: str) -> None:
    package = importlib.import_module(shapes)
    assert package.registry.names() == ["circle", "solid", "square"]
    assert load(shapes) == [f"{shapes}.circle", f"{shapes}.solid", f"{shapes}.square"]


def test_a_reloaded_module_may_register_again(shapes: str) -> None:
    package = importlib.import_module(shapes)
    importlib.reload(sys.modules[f"{shapes}.circle"])
    assert package.registry.get("circle") == "circle"


def test_load_raises_what_a_module_raises(shapes: str, tmp_path: Path) -> None:
    importlib.import_module(shapes)
    (tmp_path / shapes / "torn.py").write_text("import a_module_that_is_not_there\n")
    importlib.invalidate_caches()
    with pytest.raises(ModuleNotFoundError):
        load(shapes)


def test_followers_hear_of_what_is_there_and_of_what_comes() -> None:
    kinds: Registry[str] = Registry("kinds")
    kinds.register("a", "A")
    heard: list[str] = []
    kinds.follow(heard.append)
    kinds.register("b", "B")
    assert heard == ["A", "B"]


def test_extensions_are_modules_and_whole_packages(shapes: str, tmp_path: Path) -> None:
    (tmp_path / shapes / "__init__.py").write_text(
        "from config.lib.registry import Registry\nregistry = Registry('shapes')\n"
    )
    load_extensions([f"{shapes}.square"])
    registry = importlib.import_module(shapes).registry
    assert registry.names() == ["square"]
    load_extensions([shapes])
    assert registry.names() == ["circle", "solid", "square"]


def test_an_extension_that_is_not_there_is_named(shapes: str, tmp_path: Path) -> None:
    for name in ("nowhere_to_be_found", f"{shapes}.nowhere"):
        with pytest.raises(ImportError, match=f"EXTENSIONS names '{name}'"):
            load_extensions([name])
    (tmp_path / shapes / "torn.py").write_text("import a_module_that_is_not_there\n")
    importlib.invalidate_caches()
    with pytest.raises(ModuleNotFoundError, match="a_module_that_is_not_there"):
        load_extensions([f"{shapes}.torn"])
