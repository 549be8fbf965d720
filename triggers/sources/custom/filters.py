"""Which custom events a trigger wants, by values in their data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from config.lib import paths
from triggers import comparing


def matches_filter(
    filter_: Mapping[str, Any], facts: Mapping[str, Any]
) -> tuple[bool, list[dict[str, Any]]]:
    """Whether every value that the filter names is the same in `facts` (`triggers.comparing.same`), and what was seen.

    Keys may be dotted (`{"user.plan": "pro"}`) or nested (`{"user": {"plan": "pro"}}`). The trace has the shape of
    that of conditions: `{"path", "field", "operator", "expected", "actual", "met", "note"}`.
    A missing field does not match.
    """
    trace = [_compare(path, expected, facts) for path, expected in filter_leaves(filter_)]
    return all(leaf["met"] for leaf in trace), trace


def _compare(path: str, expected: Any, facts: Mapping[str, Any]) -> dict[str, Any]:
    actual = paths.find(facts, tuple(path.split(".")))
    missing = actual is paths.MISSING
    return {
        "path": f"filter.{path}",
        "field": path,
        "operator": "equals",
        "expected": expected,
        "actual": None if missing else actual,
        "met": not missing and comparing.same(actual, expected),
        "note": "The field is missing." if missing else None,
    }


def filter_leaves(filter_: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, expected in filter_.items():
        path = f"{prefix}{key}"
        if isinstance(expected, dict) and expected:
            yield from filter_leaves(expected, f"{path}.")
        else:
            yield path, expected


def passing(filter_: Mapping[str, Any]) -> dict[str, Any]:
    """The smallest data that has what the filter asks for; paths into lists are left out."""
    data: dict[str, Any] = {}
    for path, expected in filter_leaves(filter_):
        *parents, last = paths.split(path.removeprefix("data."))
        inner = data
        for name in parents:
            child = inner.setdefault(name, {})
            inner = child if isinstance(child, dict) else {}
        inner.setdefault(last, expected)
    return data
