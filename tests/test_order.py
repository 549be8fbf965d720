"""Workers begin with the files that may take long."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from tests import order


class _File(pytest.File):
    def collect(self) -> Iterable[pytest.Item]:
        return ()


class _Test(pytest.Item):
    def runtest(self) -> None:
        raise NotImplementedError


def test_what_may_take_long_begins_first_and_files_stay_whole(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    def tests(file: str, *names: str) -> list[pytest.Item]:
        parent: _File = _File.from_parent(request.session, path=tmp_path / file)
        return [_Test.from_parent(parent, name=name) for name in names]

    small, large = tests("small.py", "a"), tests("large.py", "z", "b")
    long, longest = tests("long.py", "c"), tests("longest.py", "e", "d")
    long[0].add_marker(pytest.mark.timeout(300))
    longest[1].add_marker(pytest.mark.timeout(400))
    items = [*small, large[0], *long, longest[0], large[1], longest[1]]
    order.arrange(items, timeout=120)
    assert [item.name for item in items] == ["e", "d", "c", "z", "b", "a"]
