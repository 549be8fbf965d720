"""Dotted paths, and the problems that name them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.lib import paths
from config.lib.problems import Problem


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("a", ("a",), id="one"),
        pytest.param("headers.content-type", ("headers", "content-type"), id="dash"),
        pytest.param("form.First name.0", ("form", "First name", "0"), id="space-inside"),
    ],
)
def test_split(path: str, expected: tuple[str, ...]) -> None:
    assert paths.split(path) == expected


@pytest.mark.parametrize(
    "path", ["", " ", ".", "a.", ".a", "a..b", "a. b", "a\n", "a\x00", "a" * 201, "\ud800"]
)
def test_split_refuses(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        paths.split(path)


@given(
    st.recursive(
        st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    ),
    st.lists(st.text() | st.sampled_from(["0", "1", "²", "__class__"])),
)
def test_find_never_raises(value: Any, parts: list[str]) -> None:
    assert paths.find(value, tuple(parts)) is not NotImplemented


@pytest.mark.parametrize(
    ("path", "prefix", "expected"),
    [
        ("[0].operator", "conditions", "conditions[0].operator"),
        ("rules[0]", "conditions", "conditions.rules[0]"),
        ("", "conditions", "conditions"),
        ("rules[0]", "", "rules[0]"),
    ],
)
def test_problem_seen_from_further_out(path: str, prefix: str, expected: str) -> None:
    assert Problem(path, "Wrong.").below(prefix) == expected
