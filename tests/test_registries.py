"""Every entry of a registry has a test module named after it: a new file without its test fails here."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from agents import actions
from executions import gates
from triggers import sources

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


# What these gates count is tested on the same rows.
TOGETHER = dict.fromkeys(
    ("concurrency", "daily_limit", "hourly_window", "minute_window"), "test_claim_gates.py"
)


def modules() -> list[tuple[str, str]]:
    """Sources and gates, by the module that holds them: its tests are a module of its name, or a folder."""
    found = [(sources.registry.module(name), "triggers/sources") for name in sources.registry]
    for registry in (gates.dispatching, gates.claiming):
        found += [(registry.module(name), "executions/gates") for name in registry]
    return [(module.rpartition(".")[2], folder) for module, folder in found]


@pytest.mark.parametrize(("name", "folder"), modules())
def test_source_and_gate_have_tests(name: str, folder: str) -> None:
    own = TESTS / folder / TOGETHER.get(name, f"test_{name}.py")
    inside = list((TESTS / folder / name).glob("test_*.py"))
    assert own.exists() or inside, f"{name} has no tests: write {own.relative_to(TESTS.parent)}"


@pytest.mark.parametrize(("name", "folder"), entries())
def test_entry_has_a_test_module(name: str, folder: str) -> None:
    expected = TESTS / folder / f"test_{name}.py"
    assert expected.exists(), f"{name} has no tests: write {expected.relative_to(TESTS.parent)}"
