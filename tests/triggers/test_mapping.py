"""Input mapping: what is picked, what wins, what is refused, and that no path is slow."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.lib import json
from triggers import mapping

EVENT: dict[str, Any] = {
    "data": {
        "user": {"id": 7, "name": None},
        "items": [{"sku": "a", "price": 5}, {"sku": "b", "price": 15.5}],
        "0": "key",
        "odd.key": {"5": "five"},
    },
    "headers": {"content-type": "text/plain"},
}
CAME_FROM = {
    "trigger_id": "t",
    "event_type": "order",
    "event_id": "e",
    "timestamp": "2026-11-03T09:30:00Z",
}
META = {"_trigger_event": CAME_FROM}


def resolved(entry: Any, payload: Any = EVENT) -> Any:
    """The one input that the entry gives, or "absent"."""
    assert mapping.check({"x": entry}) == []
    return mapping.resolve(payload, mapping={"x": entry}, defaults=None, meta=META).get(
        "x", "absent"
    )


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        pytest.param("$.data.user.id", 7, id="value"),
        pytest.param("$.data.user.name", None, id="null-is-a-value"),
        pytest.param("$.data.items.0", {"sku": "a", "price": 5}, id="bare-index"),
        pytest.param("$.data.items.1.sku", "b", id="bare-index-inside"),
        pytest.param("$.data.items[0].sku", "a", id="index"),
        pytest.param("$.data.items[-1].sku", "b", id="from-the-end"),
        pytest.param("$.data.items", EVENT["data"]["items"], id="list"),
        pytest.param("$.data.items[*].sku", ["a", "b"], id="several"),
        pytest.param("$.data.items[?@.price > 5.1].sku", "b", id="filter"),
        pytest.param("$..sku", ["a", "b"], id="anywhere"),
        pytest.param("$.headers['content-type']", "text/plain", id="quoted"),
        pytest.param("$.data['odd.key']['5']", "five", id="dots-in-quotes"),
        pytest.param("$", EVENT, id="whole"),
        pytest.param("$.data.nothing", "absent", id="missing"),
        pytest.param("$.data.items.9", "absent", id="past-the-end"),
        pytest.param("$.data.items[?@.price > 99]", "absent", id="no-match"),
        pytest.param("$.data.__class__", "absent", id="attribute"),
        pytest.param("web", "web", id="constant"),
        pytest.param(5, 5, id="number"),
        pytest.param({"a": ["$.b"]}, {"a": ["$.b"]}, id="object-is-a-constant"),
        pytest.param("$$5 off", "$5 off", id="dollar"),
        pytest.param("", "", id="empty-text"),
    ],
)
def test_resolve(entry: Any, expected: Any) -> None:
    assert resolved(entry) == expected


def test_precedence() -> None:
    inputs = mapping.resolve(
        EVENT,
        mapping={"id": "$.data.user.id", "name": "$.data.user.name", "plan": "$.data.plan"},
        defaults={"id": 1, "name": "Ann", "plan": "free", "more": True},
        meta=META,
    )
    assert inputs == {
        "id": 7,
        "name": None,
        "plan": "free",
        "more": True,
        "_trigger_event": CAME_FROM,
    }


def test_defaults_win_over_where_it_came_from() -> None:
    inputs = mapping.resolve({}, mapping=None, defaults={"_trigger_event": "mine"}, meta=META)
    assert inputs == {"_trigger_event": "mine"}


def test_inputs_are_copies() -> None:
    event = {"items": [1]}
    inputs = mapping.resolve(event, mapping={"items": "$.items"}, defaults=None, meta=META)
    event["items"].append(2)
    assert inputs["items"] == [1]


def test_inputs_stay_small() -> None:
    event = {"text": "x" * 200_000, "many": list(range(5000))}
    inputs = mapping.resolve(
        event,
        mapping={**{f"t{n}": "$.text" for n in range(10)}, "many": "$.many[*]"},
        defaults=None,
        meta=META,
    )
    assert len(json.dumps(inputs)) < mapping.MAX_BYTES + 5000
    assert inputs["t9"] == inputs["many"] == json.TRUNCATED
    inputs = mapping.resolve(event, mapping={"many": "$.many[*]"}, defaults=None, meta=META)
    assert len(inputs["many"]) == mapping.MAX_MATCHES


@pytest.mark.parametrize(
    ("given_mapping", "path", "suggestion"),
    [
        pytest.param([], "", None, id="list"),
        pytest.param({str(n): n for n in range(101)}, "", None, id="too-many"),
        pytest.param({"": 1}, "", None, id="no-name"),
        pytest.param({"a\x00": 1}, "a\x00", None, id="control-character-in-name"),
        pytest.param({"_trigger_event": 1}, "_trigger_event", None, id="taken-name"),
        pytest.param({"x": "$.a["}, "x", None, id="syntax"),
        pytest.param({"x": "$a"}, "x", None, id="no-dot"),
        pytest.param({"x": "$5 off"}, "x", None, id="price"),
        pytest.param({"x": "$.a "}, "x", None, id="space-at-the-end"),
        pytest.param({"x": "$." + "a" * 500}, "x", None, id="too-long"),
        pytest.param({"x": "$.headers.content-type"}, "x", "$.headers['content-type']", id="dash"),
        pytest.param({"x": "$..a..b"}, "x", None, id="two-descents"),
        pytest.param({"x": "$.a[?@.b == $.c]"}, "x", None, id="root-in-a-filter"),
        pytest.param({"x": "$.a[?@[?@.b]]"}, "x", None, id="filter-in-a-filter"),
        pytest.param({"x": "$.a[?search(@.b, '(a+)+$')]"}, "x", None, id="regular-expression"),
        pytest.param({"x": "$[?(((((((((@.a)))))))))]"}, "x", None, id="parentheses"),
        pytest.param({"x": "$[0,0,0,0,0,0]"}, "x", None, id="commas"),
        pytest.param({"x": "$.a[999999999999999999999]"}, "x", None, id="huge-index"),
        pytest.param({"x": "y" * 10_001}, "x", None, id="large-constant"),
        pytest.param({"x": object()}, "x", None, id="not-json"),
    ],
)
def test_check(given_mapping: Any, path: str, suggestion: str | None) -> None:
    (problem,) = mapping.check(given_mapping)
    assert (problem.path, problem.suggestion) == (path, suggestion)
    assert problem.message


def test_check_tells_all_problems() -> None:
    assert [problem.path for problem in mapping.check({"a": "$.[", "b": "$.b", "c": "$c"})] == [
        "a",
        "c",
    ]
    assert mapping.check(None) == mapping.check({}) == []


def test_resolve_refuses_what_check_refuses() -> None:
    with pytest.raises(mapping.InvalidMapping):
        mapping.resolve({}, mapping={"x": "$.["}, defaults=None, meta=META)


@pytest.mark.parametrize(
    "path",
    [
        "$..*",
        "$..[?@.x]",
        "$[*][*][*][*]",
        "$[0,0][0,0][0,0][0,0]",
        "$[?count(@..*) > 3]",
        "$.a" + ".a" * 200,
    ],
)
def test_no_path_is_slow(path: str) -> None:
    wide: Any = 1
    for _ in range(4):
        wide = [wide] * 10
    began = time.perf_counter()
    resolved(path, wide)
    assert time.perf_counter() - began < 5  # far from any real path, near to none that explodes


def test_a_payload_too_deep_for_a_descent_matches_nothing() -> None:
    deep: Any = 1
    for _ in range(500):
        deep = {"a": deep}
    assert resolved("$..b", deep) == "absent"


json_values = st.recursive(
    st.none() | st.integers(-9, 9) | st.text(max_size=4),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.sampled_from("ab0"), children)
    ),
    max_leaves=8,
)


@given(
    st.text(alphabet="$.[]*?@ab0-1'\"=,:()&! ", max_size=20).map("${}".format) | json_values,
    json_values,
)
def test_nothing_but_invalid_mapping_is_raised(entry: Any, payload: Any) -> None:
    problems = mapping.check({"x": entry})
    with suppress(mapping.InvalidMapping):
        mapping.resolve(payload, mapping={"x": entry}, defaults=None, meta=META)
        assert problems == []
