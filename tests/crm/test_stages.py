from __future__ import annotations

import pytest

from crm import stages


@pytest.mark.parametrize(
    "before, after, renamed",
    [
        pytest.param("AB", "AC", {"B": "C"}, id="one name changed"),
        pytest.param("AB", "BA", {}, id="moved"),
        pytest.param("ABC", "BXA", {}, id="a name where a kept one stood"),
        pytest.param("AB", "ABC", {}, id="one more"),
        pytest.param("AB", "A", {}, id="one less"),
        pytest.param("AB", "XY", {"A": "X", "B": "Y"}, id="all of them"),
    ],
)
def test_a_new_list_tells_what_it_renames(before: str, after: str, renamed: dict[str, str]) -> None:
    assert stages.renames_between(list(before), list(after)) == renamed
