"""Real folders and a real listener: no file is lost or doubled, whatever happens to the folder or the listener."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from executions import diagnosis, health
from executions.models import Alert
from tests.folders import MakeWatch, is_watched, told, wait_for, wait_told
from tests.listeners import listening, process, wait_until
from tests.triggers.sources.file_watch.test_watcher import wait_a_moment
from triggers import blueprint
from triggers.models import Event, Trigger, TriggerStatus, Watch, WatchedFile
from triggers.sources.file_watch import lookout

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]
MANY = 1000


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
