"""Real folders and a real listener: what comes of files, whatever happens to them."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import pytest

from tests.folders import MakeWatch, told, wait_for, wait_told
from tests.listeners import listening, wait_until
from triggers.models import Event, Watch, WatchedFile

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


def wait_a_moment(seconds: float = 0.6) -> None:
    threading.Event().wait(seconds)


def test_a_file_s_life(root: Path, make_watch: MakeWatch) -> None:
    trigger = make_watch(root / "*.csv")
    with listening():
        wait_for(trigger)
        one = root / "one.csv"
        one.write_text("a,b\n")
        wait_told(trigger, ("created", "one.csv"))
        one.write_text("a,b\n1,2\n")
        wait_until(lambda: len(told(trigger)) == 2)
        one.rename(root / "two.csv")
        wait_until(lambda: len(told(trigger)) == 3)
        (root / "two.csv").unlink()
        wait_until(lambda: len(told(trigger)) == 4)
    events = list(Event.objects.filter(topic=f"file:{trigger.pk}").order_by("pk"))
    assert told(trigger) == [
        ("created", "one.csv"), ("modified", "one.csv"), ("moved", "two.csv"), ("deleted", "two.csv"),
    ]  # fmt: skip
    assert [one.type for one in events] == [
        "file_created", "file_modified", "file_moved", "file_deleted",
    ]  # fmt: skip
    assert {one.source for one in events} == {"file_watch"}
    first, moved = events[0], events[2]
    assert first.subject == "file:one.csv"
    assert first.payload["path"] == str(root / "one.csv")
    assert first.payload["relative_path"] == "one.csv"
    assert (first.payload["root"], first.payload["size"]) == (str(root), 4)
    assert first.payload["modified_at"].endswith("Z")
    assert moved.payload["from_path"] == str(root / "one.csv")
    assert Watch.objects.get().received == 4
    assert not WatchedFile.objects.exists()


def test_what_is_there_at_first_is_known(root: Path, make_watch: MakeWatch) -> None:
    (root / "old.txt").write_text("old")
    quiet, eager = make_watch(root), make_watch(root, existing=True)
    with listening():
        wait_told(eager, ("created", "old.txt"))
        wait_for(quiet)
        (root / "new.txt").write_text("new")
        wait_told(quiet, ("created", "new.txt"))
        (root / "old.txt").write_text("changed")
        wait_told(quiet, ("created", "new.txt"), ("modified", "old.txt"))


def test_moves_into_and_out_of_what_is_meant(root: Path, make_watch: MakeWatch) -> None:
    trigger = make_watch(root / "in" / "*.csv")
    (root / "in").mkdir()
    with listening():
        wait_for(trigger)
        (root / "x.csv").write_text("1")
        (root / "in" / "a.tmp").write_text("2")
        (root / "x.csv").rename(root / "in" / "x.csv")
        (root / "in" / "a.tmp").rename(root / "in" / "a.csv")
        wait_told(trigger, ("created", "x.csv"), ("created", "a.csv"))
        (root / "in" / "x.csv").rename(root / "in" / "x.done")
        wait_until(lambda: ("deleted", "x.csv") in told(trigger))
        (root / "in" / "x.done").rename(root / "in" / "x.csv")  # unchanged, and yet new again
        wait_until(lambda: told(trigger).count(("created", "x.csv")) == 2)


def test_without_moved_a_move_is_a_deletion_and_a_creation(
    root: Path, make_watch: MakeWatch
) -> None:
    trigger = make_watch(root, events=["created", "deleted"])
    (root / "a").write_text("1")
    with listening():
        wait_for(trigger)
        (root / "a").rename(root / "b")
        wait_told(trigger, ("deleted", "a"), ("created", "b"))
        (root / "b").write_text("changed")
        (root / "c").write_text("1")
        wait_told(trigger, ("deleted", "a"), ("created", "b"), ("created", "c"))
    assert WatchedFile.objects.count() == 2


def test_folders_that_come_move_and_go(root: Path, make_watch: MakeWatch) -> None:
    trigger = make_watch(root / "**" / "*.txt")
    outside = root.parent / "made"
    (outside / "deep").mkdir(parents=True)
    for n in range(3):
        (outside / "deep" / f"{n}.txt").write_text(str(n))
    with listening():
        wait_for(trigger)
        shutil.move(outside, root / "came")
        wait_until(lambda: len(told(trigger)) == 3)
        (root / "came" / "deep" / "later.txt").write_text("later")
        wait_until(lambda: len(told(trigger)) == 4)
        (root / "came").rename(root / "moved")
        wait_until(lambda: len(told(trigger)) == 8)
        assert {event for event, _ in told(trigger)[4:]} == {"moved"}
        (root / "moved" / "deep" / "last.txt").write_text("last")  # still watched in its new place
        wait_until(lambda: told(trigger)[8:] == [("created", "last.txt")])
        shutil.rmtree(root / "moved")
        wait_until(lambda: len(told(trigger)) == 14)
        assert {event for event, _ in told(trigger)[9:]} == {"deleted"}


def test_only_the_folder_itself(root: Path, make_watch: MakeWatch) -> None:
    (root / "below").mkdir()
    trigger = make_watch(root / "*.txt", recursive=False)
    with listening():
        wait_for(trigger)
        (root / "below" / "no.txt").write_text("1")
        (root / "new").mkdir()
        (root / "new" / "no.txt").write_text("1")
        (root / "yes.txt").write_text("1")
        wait_told(trigger, ("created", "yes.txt"))
        wait_a_moment()
    assert told(trigger) == [("created", "yes.txt")]


def test_what_is_ignored(root: Path, make_watch: MakeWatch) -> None:
    trigger = make_watch(root, ignore_patterns=["*.tmp", ".git", "old/**"])
    for folder in (".git", "old"):
        (root / folder).mkdir()
    with listening():
        wait_for(trigger)
        for name in ("a.tmp", ".git/config", "old/b.txt", "c.txt"):
            (root / name).write_text("1")
        wait_told(trigger, ("created", "c.txt"))
        wait_a_moment()
    assert told(trigger) == [("created", "c.txt")]


def test_a_file_that_is_being_written_is_told_when_it_is_whole(
    root: Path, make_watch: MakeWatch
) -> None:
    trigger = make_watch(root, debounce_seconds=1)
    with listening():
        wait_for(trigger)
        with (root / "big").open("w") as file:
            for _ in range(15):
                file.write("x" * 1000)
                file.flush()
                wait_a_moment(0.2)
                assert told(trigger) == []
        (root / "brief").write_text("1")
        (root / "brief").unlink()
        wait_told(trigger, ("created", "big"))
        for n in range(50):
            (root / "big").write_text("y" * n)
        whole = root / "whole.tmp"
        whole.write_text("z")
        whole.replace(root / "big")
        wait_told(trigger, ("created", "big"), ("modified", "big"))
    assert Event.objects.order_by("pk")[0].payload["size"] == 15_000
    assert Event.objects.order_by("pk")[1].payload["size"] == 1


def test_links_lead_nowhere(root: Path, make_watch: MakeWatch) -> None:
    secret = root.parent / "secret"
    secret.mkdir()
    (secret / "key.txt").write_text("1")
    (root / "inner").mkdir()
    trigger = make_watch(root)
    with listening():
        wait_for(trigger)
        (root / "file-link.txt").symlink_to(secret / "key.txt")
        (root / "folder-link").symlink_to(secret)
        (secret / "more.txt").write_text("2")
        shutil.rmtree(root / "inner")
        (root / "inner").symlink_to(secret)
        os.mkfifo(root / "pipe")
        (root / "real.txt").write_text("3")
        wait_told(trigger, ("created", "real.txt"))
        wait_a_moment()
    assert told(trigger) == [("created", "real.txt")]


def test_one_file_by_its_name_and_a_name_that_becomes_a_folder(
    root: Path, make_watch: MakeWatch
) -> None:
    trigger = make_watch(root / "one.txt")
    becoming = make_watch(root / "later")
    with listening():
        wait_for(trigger)
        wait_for(becoming)
        (root / "one.txt").write_text("1")
        (root / "two.txt").write_text("1")
        wait_told(trigger, ("created", "one.txt"))
        (root / "later").mkdir()
        (root / "later" / "inside").write_text("1")
        wait_told(becoming, ("created", "inside"))
    assert told(trigger) == [("created", "one.txt")]


def test_names_that_are_no_text(root: Path, make_watch: MakeWatch) -> None:
    trigger = make_watch(root / "*.txt")
    odd = os.fsencode(root)
    names = [
        b"\xff\xfe.txt",
        b"line\nend.txt",
        b"\xff\xfd.txt",
        "täxt.txt".encode(),
        b"x" * 251 + b".txt",
    ]
    with listening():
        wait_for(trigger)
        for name in names:
            with open(os.path.join(odd, name), "w") as file:
                file.write("1")
        wait_until(lambda: len(told(trigger)) == len(names))
        os.unlink(os.path.join(odd, names[0]))
        wait_until(lambda: len(told(trigger)) == len(names) + 1)
    found = [name for _, name in told(trigger)]
    assert found.count("\N{REPLACEMENT CHARACTER}" * 2 + ".txt") == 3
    assert {"line\nend.txt", "täxt.txt"} <= set(found)
    coded = Event.objects.filter(payload__has_key="path_base64")
    assert coded.count() == 3
