from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from config.up.place import CannotStart, Place, read_env, write_env


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path / "var")
    place.prepare()
    return place


def test_keys_are_made_once_and_kept(place: Place) -> None:
    keys = place.keys()
    Fernet(keys["FIELD_KEY"])
    assert len(keys["SECRET_KEY"]) >= 50
    assert place.keys() == keys
    assert place.keys_env.stat().st_mode & 0o777 == 0o600


def test_a_key_added_later_leaves_the_others_alone(place: Place) -> None:
    write_env(place.keys_env, {"FIELD_KEY": "a=b="})
    assert place.keys()["FIELD_KEY"] == "a=b="
    assert set(read_env(place.keys_env)) == {"SECRET_KEY", "FIELD_KEY", "DEMO_PASSWORD"}


def test_the_second_to_lock_is_told_what_the_first_said(place: Place) -> None:
    lock = place.take("runs as process 1")
    with pytest.raises(CannotStart, match=r"^runs as process 1$"):
        place.take("me too")
    os.close(lock)
    os.close(place.take("now me"))


def test_children_of_the_last_start_are_waited_for(place: Place) -> None:
    held = place.take_children(seconds=0)
    with pytest.raises(CannotStart, match="still running"):
        place.take_children(seconds=0.1)
    os.close(held)
    os.close(place.take_children(seconds=0))


def test_sockets_lie_in_a_short_private_folder(tmp_path: Path) -> None:
    deep = Place(tmp_path / ("a" * 200))
    folder = deep.sockets("pg")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert len(os.fsencode(folder / ".s.PGSQL.5432")) < 104
    assert deep.sockets("pg") == folder
    deep.remove_sockets()
    assert not folder.exists()


def test_a_folder_that_is_none_is_refused(place: Place) -> None:
    folder = place.sockets("vk")
    folder.rmdir()
    folder.symlink_to("/")
    try:
        with pytest.raises(CannotStart, match="is not: remove it"):
            place.sockets("vk")
    finally:
        folder.unlink()


def test_a_log_that_grew_too_long_keeps_one_older_part(place: Place) -> None:
    log = place.log("web")
    with log.open("a") as file:
        file.write("old\n" * 100)
        file.flush()
        place.trim_logs(above=100)
        file.write("new\n")
    assert log.read_text() == "new\n"
    assert log.with_suffix(".log.1").read_text().count("old") == 100


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotStart, match="Set VAR_DIR"):
        Place(tmp_path / "file" / "var").prepare()
