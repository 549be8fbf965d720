"""The whole command, as a person meets it: real servers, real processes, in a folder and on a port of their own."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from config.up.address import Address, free_port
from config.up.place import REPOSITORY, Place, read_env
from tests import boot

pytestmark = pytest.mark.timeout(
    400
)  # a start takes five seconds; a crowded machine may take many times that
START_SECONDS = 150


class Up:
    """`manage.py up` in a folder; what it says is read from a file."""

    def __init__(self, root: Path, port: int, **environment: str) -> None:
        self.place, self.port = Place(root), port
        inherited = {
            name: value for name, value in os.environ.items() if name not in _NOT_INHERITED
        }
        inherited |= {**boot.broker(), "VAR_DIR": str(root), "PORT": str(port)}
        self.environment = {**inherited, **environment}
        self.said = root.with_name(f"{root.name}.out")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = self._open()
        self.wait_for("Triggerfish runs")

    def refusal(self) -> str:
        """What a start says that must fail."""
        process = self._open()
        assert process.wait(timeout=START_SECONDS) == 1
        return self.said.read_text()

    def wait_for(self, words: str, seconds: float = START_SECONDS) -> None:
        until = time.monotonic() + seconds
        while words not in self.said.read_text():
            assert self.process is not None
            assert self.process.poll() is None, self.said.read_text()
            assert time.monotonic() < until, self.said.read_text()
            time.sleep(0.05)

    def do(self, code: str) -> None:
        """In a `manage.py` command beside it, which finds the servers by itself."""
        command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", code]
        beside = {name: value for name, value in self.environment.items() if name != "PORT"}
        subprocess.run(command, cwd=REPOSITORY, env=beside, check=True)

    def end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(timeout=START_SECONDS)

    def has_children(self) -> bool:
        """Every child and grandchild holds this lock for as long as it lives."""
        with self.place.root.joinpath("children.lock").open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def _open(self) -> subprocess.Popen[bytes]:
        with self.said.open("wb") as said:
            return subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=REPOSITORY,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )


_NOT_INHERITED = {
    "DATABASE_URL",
    "REDIS_URL",
    "CELERY_BROKER_URL",
    "SECRET_KEY",
    "FIELD_KEY",
    "DEMO_PASSWORD",
    "HOST",
}


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    command = Up(tmp_path_factory.mktemp("up") / "var", free_port())
    try:
        command.start()
        yield command
    finally:
        if command.process and command.process.poll() is None:
            command.end(signal.SIGTERM)
        command.place.remove_sockets()


def test_it_answers_and_says_where(up: Up) -> None:
    said = up.said.read_text()
    keys = up.place.keys()
    assert f"http://127.0.0.1:{up.port}/" in said
    assert Address("127.0.0.1", up.port).answers()
    assert Address("127.0.0.1", up.port).answers("/readyz")
    assert json.loads((up.place.root / "demo.json").read_text())["login"] is True
    assert re.search(rf"admin / {keys['DEMO_PASSWORD']}\b", said)


def test_its_secrets_are_for_its_owner_alone(up: Up) -> None:
    for path in (up.place.run_env, up.place.keys_env):
        assert path.stat().st_mode & 0o077 == 0


def test_a_second_start_in_the_same_folder_names_the_first(up: Up) -> None:
    said = Up(up.place.root, free_port()).refusal()
    assert up.process is not None
    assert said.count("\n") == 1
    assert f"process {up.process.pid}" in said


def test_a_busy_port_is_one_clear_line(up: Up, tmp_path: Path) -> None:
    said = Up(tmp_path / "var", up.port).refusal()
    assert said.count("\n") == 1
    assert f"Cannot listen on 127.0.0.1:{up.port}" in said


def test_a_silent_database_is_one_clear_line(tmp_path: Path) -> None:
    nowhere = f"postgres://me:hidden@127.0.0.1:{free_port()}/none"
    said = Up(tmp_path / "var", free_port(), DATABASE_URL=nowhere).refusal()
    assert said.count("\n") == 1
    assert "DATABASE_URL is set, but no server answers there" in said
    assert "hidden" not in said


def test_killed_it_leaves_no_orphan_and_the_next_start_finds_the_data(up: Up) -> None:
    make = "from crm.models import Workspace as W; W.objects.create(name='Kept', slug='kept')"
    up.do(make)
    assert up.has_children()
    up.end(signal.SIGKILL)
    up.start()  # waits for what was still ending
    with psycopg.connect(read_env(up.place.run_env)["DATABASE_URL"]) as connection:
        found = connection.execute("SELECT name FROM crm_workspace WHERE slug = 'kept'").fetchone()
    assert found == ("Kept",)

    assert up.end(signal.SIGINT) == 0
    assert not up.has_children()
