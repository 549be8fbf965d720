"""Every entry of a registry has a test module named after it: a new file without its test fails here."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from agents import actions

TESTS = Path(__file__).parent

# (module, name of its registry, folder of its tests)
REGISTRIES = [
    ("triggers.operators", "registry", "triggers/operators"),
    ("triggers.webhook_types", "registry", "triggers/webhook_types"),
]


def entries() -> list[tuple[str, str]]:
    found = []
    for module, attribute, folder in REGISTRIES:
        registry = getattr(importlib.import_module(module), attribute)
        found += [(name, folder) for name in registry]
    # Actions are spread over the apps: the tests of each stand where its own module stands.
    for name in actions.registry:
        package = actions.registry.module(name).rpartition(".")[0]
        found.append((name, package.replace(".", "/")))
    return found


@pytest.mark.parametrize(("name", "folder"), entries())
def test_entry_has_a_test_module(name: str, folder: str) -> None:
    expected = TESTS / folder / f"test_{name}.py"
    assert expected.exists(), f"{name} has no tests: write {expected.relative_to(TESTS.parent)}"
