"""Real folders and a real listener: what comes of files, whatever happens to them, their folder or the listener."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import pytest
from pytest_django import Settings

from executions import diagnosis, health
from executions.models import Alert
from tests.folders import MakeWatch, is_watched, told, wait_for, wait_told
from tests.listeners import listening, process, wait_until
from triggers import blueprint
from triggers.models import Event, Trigger, TriggerStatus, Watch, WatchedFile
from triggers.sources.file_watch import lookout

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]
MANY = 1000


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


def test_what_happened_while_nobody_listened_is_found(root: Path, make_watch: MakeWatch) -> None:
    trigger = make_watch(root)
    for name in ("stays", "changes", "goes", "moves"):
        (root / name).write_text(name)
    with listening():
        wait_for(trigger)
    (root / "changes").write_text("changed!")
    (root / "goes").unlink()
    (root / "deep").mkdir()
    (root / "moves").rename(root / "deep" / "moved")
    (root / "comes").write_text("new")
    expected = [
        ("modified", "changes"), ("deleted", "goes"), ("moved", "moved"), ("created", "comes"),
    ]  # fmt: skip
    with listening():
        wait_told(trigger, *expected)
    with listening():
        wait_for(trigger)
        wait_a_moment()
    assert sorted(told(trigger)) == sorted(expected)


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


def test_a_folder_that_goes_away_and_comes_back(
    root: Path, make_watch: MakeWatch, settings: Settings
) -> None:
    settings.SOURCE_FAILURES = 2
    folder = root / "in"
    folder.mkdir()
    (folder / "a").write_text("1")
    (folder / "b").write_text("2")
    trigger = make_watch(folder)
    with listening():
        wait_for(trigger)
        folder.rename(root / "away")
        wait_until(lambda: Trigger.objects.visible().get().status == TriggerStatus.ERROR)
        assert "is not there" in Trigger.objects.visible().get().last_error
        assert "is not there" in Alert.objects.get().message
        assert told(trigger) == []  # nobody says that the files were deleted
        (root / "away" / "b").unlink()
        (root / "away").rename(folder)
        (folder / "c").write_text("3")
        wait_told(trigger, ("deleted", "b"), ("created", "c"))
        assert Trigger.objects.visible().get().status == TriggerStatus.ACTIVE
        assert Alert.objects.get().resolved_at is not None
        (folder / "d").write_text("4")
        wait_told(trigger, ("deleted", "b"), ("created", "c"), ("created", "d"))


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


def test_a_flood_is_told_in_full(root: Path, make_watch: MakeWatch, settings: Settings) -> None:
    settings.FILE_WATCH_EVENTS_PER_SECOND = 10_000
    trigger = make_watch(root, events=["created"])
    with listening():
        wait_for(trigger)
        for folder in range(10):
            (root / str(folder)).mkdir()
            for n in range(MANY):
                (root / str(folder) / str(n)).touch()
        wait_until(lambda: len(told(trigger)) >= 10 * MANY, seconds=120)
        wait_a_moment()
    paths = Event.objects.values_list("payload__path", flat=True)
    assert len(paths) == len(set(paths)) == 10 * MANY


def test_a_listener_killed_under_load_loses_and_doubles_nothing(
    root: Path, make_watch: MakeWatch
) -> None:
    trigger = make_watch(root)
    with process(
        FILE_WATCH_ROOTS=str(root), LISTENER_SECONDS="2", FILE_WATCH_EVENTS_PER_SECOND="400"
    ) as listener:
        wait_for(trigger)
        for n in range(MANY):
            (root / f"{n}.txt").write_text(str(n))
            if n % (MANY // 3) == MANY // 4:
                before = len(told(trigger))
                wait_until(lambda before=before: len(told(trigger)) > before)  # type: ignore[misc]
                listener.kill()
                listener.start()
        wait_until(lambda: len(told(trigger)) >= MANY, seconds=120)
        wait_a_moment()
    assert sorted(told(trigger)) == sorted(("created", f"{n}.txt") for n in range(MANY))


def test_two_listeners_tell_once(root: Path, make_watch: MakeWatch, settings: Settings) -> None:
    triggers = [make_watch(root), make_watch(root)]
    with listening() as one, listening() as two:
        for trigger in triggers:
            wait_for(trigger)
        wait_until(
            lambda: (
                Watch.objects.filter(lease__in=[one.lease, two.lease])
                .values("lease")
                .distinct()
                .count()
                == 2
            )
        )
        for n in range(100):
            (root / str(n)).write_text("1")
        for trigger in triggers:
            wait_told(trigger, *(("created", str(n)) for n in range(100)))
        wait_a_moment()
    assert Event.objects.count() == 200


def test_where_the_system_tells_nothing_it_is_looked_at_again(
    root: Path, make_watch: MakeWatch, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.FILE_WATCH_POLL_SECONDS = 0.3
    monkeypatch.setattr(lookout, "_LIBC", None)
    trigger = make_watch(root)
    with listening():
        wait_until(lambda: Watch.objects.exclude(note="").exists())
        (root / "a").write_text("1")
        wait_told(trigger, ("created", "a"))
        assert (
            "no inotify" in diagnosis.diagnose(Trigger.objects.get(pk=trigger.pk))["source"]["note"]
        )
        assert health.look(anew=True)["listener"].status == "degraded"


def test_hints_that_were_lost_do_no_harm(root: Path, make_watch: MakeWatch) -> None:
    trigger = make_watch(root)
    with listening() as one:
        wait_for(trigger)
        loop = one._tasks[trigger.pk][1].get_loop()
        found, _ = lookout._by_loop[loop]
        (number,) = found._paths
        found._paths.clear()  # as if the kernel had said nothing
        (root / "a").write_text("1")
        wait_a_moment()
        assert told(trigger) == []
        found._paths[number] = str(root)
        overflow = lookout._EVENT.pack(-1, lookout._Q_OVERFLOW, 0, 0)
        loop.call_soon_threadsafe(found._tell, overflow)
        wait_told(trigger, ("created", "a"))
        wait_until(lambda: "max_queued_events" in Watch.objects.get().note)


def test_a_change_of_the_configuration_is_followed(root: Path, make_watch: MakeWatch) -> None:
    trigger = make_watch(root / "*.csv")
    (root / "a.txt").write_text("1")
    with listening():
        wait_for(trigger)
        config = {"path": str(root / "*.txt"), "debounce_seconds": 0}
        blueprint.store(trigger, {"config": config})
        wait_until(WatchedFile.objects.exists)
        wait_for(trigger)
        (root / "b.csv").write_text("1")
        (root / "b.txt").write_text("1")
        wait_told(trigger, ("created", "b.txt"))  # a.txt was there when it began to be meant
        blueprint.store(trigger, {"enabled": False})
        wait_until(lambda: not is_watched(trigger))
        (root / "c.txt").write_text("1")
        wait_a_moment()
        assert len(told(trigger)) == 1
        blueprint.store(trigger, {"enabled": True})
        wait_told(trigger, ("created", "b.txt"), ("created", "c.txt"))


def test_too_many_files_are_an_error_that_says_so(
    root: Path, make_watch: MakeWatch, settings: Settings
) -> None:
    settings.FILE_WATCH_MAX_FILES = 10
    for n in range(11):
        (root / f"{n}.txt").touch()
    trigger = make_watch(root / "*.txt")
    with listening():
        wait_until(lambda: Trigger.objects.visible().get().status == TriggerStatus.ERROR)
        assert "More than 10 files" in Trigger.objects.visible().get().last_error
        (root / "0.txt").unlink()
        wait_for(trigger)
        assert Trigger.objects.visible().get().status == TriggerStatus.ACTIVE


def test_a_root_that_the_operator_took_back(
    root: Path, make_watch: MakeWatch, settings: Settings
) -> None:
    trigger = make_watch(root)
    settings.FILE_WATCH_ROOTS = [str(root.parent / "other")]
    with listening():
        wait_until(lambda: Trigger.objects.visible().get().status == TriggerStatus.ERROR)
        (root / "a").write_text("1")
    assert "outside of what may be watched" in Trigger.objects.visible().get().last_error
    assert told(trigger) == []
