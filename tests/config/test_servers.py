"""Which servers are started, and who PostgreSQL runs as."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.up import postgres, servers, valkey
from config.up.place import CannotStart, Place


@pytest.fixture
def place() -> Iterator[Place]:
    root = Path("/tmp") / f"tf-servers-{os.getpid()}"
    place = Place(root)
    place.prepare()
    yield place
    place.remove_sockets()
    shutil.rmtree(root)


def test_what_is_given_is_not_started(place: Place) -> None:
    given = {"DATABASE_URL": "postgres://db/x", "REDIS_URL": "redis://cache/0"}
    assert servers.missing(place, given) == []
    assert [one.program.name for one in servers.missing(place, {**given, "REDIS_URL": ""})] == [
        "valkey"
    ]


def test_the_address_of_our_own_last_start_is_not_given(place: Place) -> None:
    given = {"DATABASE_URL": "postgres://db/x", "REDIS_URL": valkey.url(place)}
    assert [one.variable for one in servers.missing(place, given)] == ["REDIS_URL"]


def test_without_wheel_and_without_server_there_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(postgres, "_folders", list)
    with pytest.raises(
        CannotStart,
        match=r"^There is no PostgreSQL 15 or newer here\. Run .* or set DATABASE_URL\.$",
    ):
        postgres.find_binaries()
    monkeypatch.setattr(valkey, "find_spec", lambda name: None)
    with pytest.raises(CannotStart, match=r"^There is no Valkey or Redis here"):
        valkey.find_binary()


def test_a_server_that_ends_at_once_is_shown_with_its_last_words(place: Place) -> None:
    given = {"DATABASE_URL": "postgres://db/x"}
    (server,) = servers.missing(place, given)
    server.program.command.append("--no-such-option")  # type: ignore[attr-defined]
    words = r"valkey ended as it was started(.|\n)*no-such-option"
    with pytest.raises(CannotStart, match=words), servers.Started([server]) as started:
        started.wait_until_they_answer()


def test_a_database_of_another_version_is_refused(place: Place) -> None:
    data = place.root / "postgres"
    data.mkdir()
    (data / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(CannotStart, match="was made by PostgreSQL 9"):
        postgres.program(place)


def test_without_namespaces_it_never_runs_as_root(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_namespaces_work", lambda: False)
    given = {"REDIS_URL": "redis://cache/0"}
    try:
        own = servers.missing(place, given, careless=True)
    except CannotStart as error:
        assert "user nobody cannot reach" in str(error)  # noqa: PT017 - the checkout lies under a private home
        return
    with servers.Started(own) as started:
        started.wait_until_they_answer()
        started.stop()
    assert (place.root / "postgres").stat().st_uid != 0  # also where we are not root to begin with
