"""What docs/extending.md prints works as it is printed: each block is a file of a package, loaded as an extension.

It runs in a process of its own, with a database of its own: what it registers would stay in the registries of this one.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from config.up.place import REPOSITORY

BLOCK = re.compile(r"^```python\n# (bakery/\S+\.py)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TEST = re.compile(r"^def (test_\w+)\(.*\):$", re.MULTILINE)
FENCE = re.compile(r"^```python$", re.MULTILINE)
KINDS = [
    "divisible_by", "doorbell", "loaves", "opening_hours", "oven", "phone", "split_bill", "till",
]  # fmt: skip


@pytest.fixture
def bakery(tmp_path: Path) -> dict[str, str]:
    """The blocks by their paths, written down."""
    text = (REPOSITORY / "docs/extending.md").read_text()
    blocks = dict(BLOCK.findall(text))
    assert len(blocks) == len(FENCE.findall(text)) - 1  # that one shows calls
    for path, body in blocks.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(body)
    for package in ("bakery", "bakery/tests"):
        (tmp_path / package / "__init__.py").touch()
    return blocks


def of_its_own(url: str) -> str:
    """The same server, another database."""
    parts = urlsplit(url)
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    return urlunsplit((parts.scheme, parts.netloc, f"/extending{worker}", *parts[3:]))


@pytest.mark.timeout(300)  # it takes a quarter of a minute where nothing else runs
def test_everything_in_the_document_works(bakery: dict[str, str], tmp_path: Path) -> None:
    files = [Path(path) for path in bakery]
    assert sorted(path.stem for path in files if path.parent.name == "bakery") == KINDS
    wanted = [name for body in bakery.values() for name in TEST.findall(body)]
    assert len(wanted) > len(KINDS)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider"),
            *("-c", REPOSITORY / "pyproject.toml", "--rootdir", tmp_path),
            tmp_path / "bakery",
        ],
        cwd=REPOSITORY,
        env={
            **{name: value for name, value in os.environ.items() if "PYTEST" not in name},
            "PYTHONPATH": str(tmp_path),
            "EXTENSIONS": "bakery",
            "DATABASE_URL": of_its_own(os.environ["DATABASE_URL"]),
        },
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    told = done.stdout + done.stderr
    assert done.returncode == 0, told[-8000:]
    passed = re.findall(r"^PASSED \S+::(\w+)$", told, re.MULTILINE)
    assert sorted(passed) == sorted(wanted)


def test_nothing_of_it_stays_here() -> None:
    from agents import actions
    from executions import gates
    from triggers import operators, sources, webhook_types

    assert "split_bill" not in actions.registry
    assert "phone" not in sources.registry
    assert "till" not in webhook_types.registry
    assert "divisible_by" not in operators.registry
    assert "opening_hours" not in gates.dispatching
    assert "oven" not in gates.claiming


def test_an_installation_hears_of_a_slip_at_the_start() -> None:
    """A module that is not there must not be missing silently."""
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=REPOSITORY,
        env={**os.environ, "EXTENSIONS": "no_such_bakery"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "EXTENSIONS names 'no_such_bakery', and there is no such module." in done.stderr
