"""Which files a pattern means."""

from __future__ import annotations

import time

import pytest

from triggers.sources.file_watch import patterns


@pytest.mark.parametrize(
    ("pattern", "recursive", "path", "is_meant"),
    [
        ("*.csv", True, "a.csv", True),
        ("*.csv", True, "x/y/a.csv", True),
        ("*.csv", False, "a.csv", True),
        ("*.csv", False, "x/a.csv", False),
        ("*.csv", True, "a.csv.tmp", False),
        ("*.csv", True, ".csv", True),
        ("**/*.csv", True, "a.csv", True),
        ("**/*.csv", True, "x/y/a.csv", True),
        ("**", True, "x/y/a.csv", True),
        ("", True, "x/y/a.csv", True),
        ("", False, "a.csv", True),
        ("", False, "x/a.csv", False),
        ("in*/*.csv", True, "in1/a.csv", True),
        ("in*/*.csv", True, "in1/deep/a.csv", True),
        ("in*/*.csv", True, "out/a.csv", False),
        ("in*/*.csv", False, "in1/deep/a.csv", False),
        ("**/in/*.csv", True, "x/y/in/a.csv", True),
        ("**/in/*.csv", True, "x/y/within/a.csv", False),
        ("a?c", True, "abc", True),
        ("a?c", True, "a/c", False),
        ("a?c", True, "aéc", True),
        ("[a-c]x", True, "bx", True),
        ("[!a-c]x", True, "bx", False),
        ("[!a-c]x", True, "dx", True),
        ("[!a]x", True, "/x", False),
        ("[]]x", True, "]x", True),
        ("[[]x", True, "[x", True),
        ("a+(b).c", True, "a+(b).c", True),
        ("*", True, "line\nend", True),
        ("a.txt", True, "aXtxt", False),
    ],
)
def test_what_is_meant(pattern: str, recursive: bool, path: str, is_meant: bool) -> None:
    assert patterns.wanted(pattern, recursive=recursive, ignore=[]).takes(path) is is_meant


def test_a_name_that_is_not_utf8_is_compared_too() -> None:
    odd = b"\xff\xfe.csv".decode("utf-8", "surrogateescape")
    assert patterns.wanted("*.csv", recursive=True, ignore=[]).takes(odd)
    assert patterns.wanted("??.csv", recursive=True, ignore=[]).takes(odd)
    assert not patterns.wanted("*.txt", recursive=True, ignore=[]).takes(odd)


@pytest.mark.parametrize(
    ("ignored", "path", "is_ignored"),
    [
        ("*.tmp", "a.tmp", True),
        ("*.tmp", "x/a.tmp", True),
        (".git", ".git", True),
        (".git", "x/.git/config", True),
        (".git", "x/a.git", False),
        ("old/**", "old/a", True),
        ("old/**", "x/old/a", False),
        ("old/", "x/old/a", True),
        ("old/a*", "old/abc/d", True),
        ("**/cache/*.bin", "x/cache/a.bin", True),
        ("[.]*", ".hidden", True),
    ],
)
def test_what_is_ignored(ignored: str, path: str, is_ignored: bool) -> None:
    assert (
        patterns.wanted("**", recursive=True, ignore=["zzz", ignored]).ignores(path) is is_ignored
    )


@pytest.mark.parametrize(
    ("pattern", "recursive", "says"),
    [
        ("a[b", True, "not closed"),
        ("[", True, "not closed"),
        ("[z-a]", True, "not a set"),
        ("a**b", True, "stands alone"),
        ("**/*.csv", False, "needs `recursive`"),
    ],
)
def test_patterns_that_are_none(pattern: str, recursive: bool, says: str) -> None:
    with pytest.raises(patterns.BadGlob, match=says):
        patterns.wanted(pattern, recursive=recursive, ignore=[])


def test_no_pattern_explodes() -> None:
    began = time.monotonic()
    wanted = patterns.wanted("*a" * 60 + "b", recursive=True, ignore=["**/" * 40 + "*x*x*x*xy"])
    assert not wanted.takes("a" * 250)
    assert not wanted.ignores("x/" * 1000 + "x" * 200)
    assert time.monotonic() - began < 1
