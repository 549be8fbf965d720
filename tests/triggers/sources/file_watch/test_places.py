"""Where files may be watched, and where not."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from triggers.sources.file_watch import places


def test_folder_and_pattern(root: Path) -> None:
    (root / "in").mkdir()
    for given, folder, pattern, target in [
        (root, root, "", ""),
        (f"{root}/", root, "", ""),
        (root / "in", root / "in", "", ""),
        (root / "in" / "*.csv", root / "in", "*.csv", ""),
        (root / "**" / "a" / "b.txt", root, "**/a/b.txt", ""),
        (root / "later" / "*.csv", root / "later", "*.csv", ""),
        (root / "in" / "a.txt", root / "in", "a.txt", "a.txt"),
        (f"{root}//in/./*.csv", root / "in", "*.csv", ""),
    ]:
        found = places.find(str(given), slug="acme")
        assert (found.folder, found.pattern, found.target) == (str(folder), pattern, target)
        assert found.root == str(root)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/etc/passwd", "outside"),
        ("/etc/*", "outside"),
        ("{root}/../secret/*", "leads out"),
        ("{root}/in/../../secret", "leads out"),
        ("{root}x/*.csv", "outside.*Did you mean {root}/"),
        ("orders/*.csv", "whole path, such as {root}/orders"),
        ("{root}/a\0b", "control characters"),
        ("{root}/a\nb", "control characters"),
        ("{root}/" + "x" * 256, "at most 255 bytes"),
        ("/", "outside"),
        ("/**", "outside"),
    ],
)
def test_paths_that_are_refused(root: Path, path: str, says: str) -> None:
    with pytest.raises(places.BadPath, match=says.replace("{root}", str(root))):
        places.find(path.replace("{root}", str(root)), slug="acme")


def test_a_link_on_the_way_is_refused(root: Path) -> None:
    (root / "out").symlink_to("/etc")
    (root / "in").mkdir()
    (root / "in" / "inner").symlink_to(root / "in")
    for path in ("out", "out/*", "out/ssl/*.conf", "in/inner/*"):
        with pytest.raises(places.LeadsAway, match="is a link"):
            places.find(str(root / path), slug="acme")


def test_the_root_itself_may_be_a_link(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "real" / "in").mkdir(parents=True)
    (tmp_path / "shown").symlink_to(tmp_path / "real")
    settings.FILE_WATCH_ROOTS = [str(tmp_path / "shown")]
    found = places.find(str(tmp_path / "shown" / "in" / "*"), slug="acme")
    assert (found.folder, found.real) == (
        str(tmp_path / "shown" / "in"),
        str(tmp_path / "real" / "in"),
    )
    assert found.shown("a") == str(tmp_path / "shown" / "in" / "a")
    with pytest.raises(places.BadPath, match="outside"):
        places.find(str(tmp_path / "real" / "in" / "*"), slug="acme")


def test_each_workspace_has_its_own(tmp_path: Path, settings: Settings) -> None:
    settings.FILE_WATCH_ROOTS = [f"{tmp_path}/{{workspace}}", ""]
    assert places.find(f"{tmp_path}/acme/*", slug="acme").root == f"{tmp_path}/acme"
    with pytest.raises(places.BadPath, match="outside"):
        places.find(f"{tmp_path}/acme/*", slug="other")


def test_without_roots_it_says_what_to_do(settings: Settings) -> None:
    settings.FILE_WATCH_ROOTS = []
    with pytest.raises(places.BadPath, match="FILE_WATCH_ROOTS"):
        places.find("/srv/files/*", slug="acme")
    settings.FILE_WATCH_ROOTS = ["/"]
    assert places.find("/srv-that-is-not/*", slug="acme").folder == "/srv-that-is-not"
