"""Conditions that are judged: three values and their reasons, absence, paths, changes and traces."""

from __future__ import annotations

from typing import Any

import pytest

from config.lib import json
from tests.triggers.trees import (
    BIG,
    BROKEN,
    DEAL,
    MET,
    NAMED,
    NOT_MET,
    UNKNOWN,
    combined,
    met,
    rule,
)
from triggers import conditions, operators


def reason(tree: Any, payload: Any = DEAL) -> str | None:
    return conditions.judge(conditions.parse(tree), payload).reason


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        pytest.param(rule("AND", MET, MET), True, id="and-met-met"),
        pytest.param(rule("AND", MET, UNKNOWN), None, id="and-met-unknown"),
        pytest.param(rule("AND", UNKNOWN, NOT_MET), False, id="and-unknown-not"),
        pytest.param(rule("OR", UNKNOWN, MET), True, id="or-unknown-met"),
        pytest.param(rule("OR", NOT_MET, UNKNOWN), None, id="or-not-unknown"),
        pytest.param(rule("OR", NOT_MET, NOT_MET), False, id="or-not-not"),
        pytest.param(rule("NOT", MET), False, id="not-met"),
        pytest.param(rule("NOT", NOT_MET), True, id="not-not"),
        pytest.param(rule("NOT", UNKNOWN), None, id="not-unknown"),
        pytest.param(rule("NOT", BROKEN), None, id="not-broken"),
        pytest.param(
            combined("AND", rule("OR", NOT_MET, MET), rule("NOT", NOT_MET)), True, id="nested"
        ),
        pytest.param(None, True, id="no-conditions"),
    ],
)
def test_three_values(tree: Any, expected: bool | None) -> None:
    assert met(tree) is expected


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        pytest.param(MET, None, id="met"),
        pytest.param(NOT_MET, "condition_false", id="not-met"),
        pytest.param(UNKNOWN, "condition_false", id="missing"),
        pytest.param({**BIG, "field": "contact.title"}, "condition_false", id="null"),
        pytest.param(BROKEN, "condition_error", id="does-not-compare"),
        pytest.param(rule("NOT", BROKEN), "condition_error", id="not-of-an-error"),
        pytest.param(
            rule("AND", BROKEN, NOT_MET), "condition_false", id="error-that-does-not-matter"
        ),
        pytest.param(
            rule("AND", rule("OR", BROKEN, MET), UNKNOWN), "condition_false", id="error-inside-met"
        ),
        pytest.param(rule("OR", BROKEN, UNKNOWN), "condition_error", id="error-and-missing"),
    ],
)
def test_reasons(tree: Any, expected: str | None) -> None:
    assert reason(tree) == expected


@pytest.mark.parametrize(("value", "expected"), [(5_000, False), (15_000, True), ("15000", True)])
def test_a_deal_above_ten_thousand(value: Any, expected: bool) -> None:
    assert met([BIG], {"deal": {"value": value}}) is expected


NULL_IN = [
    ("equals", False),
    ("not_equals", True),
    ("in", False),
    ("not_in", True),
    ("not_exists", True),
    ("exists", False),
]


@pytest.mark.parametrize("name", operators.registry.names())
def test_only_exists_decides_on_absence(name: str) -> None:
    value = {"in": [1], "not_in": [1], "greater_than": 1}.get(name, "1")
    leaf = {
        "field": "a.b",
        "operator": name,
        **({} if operators.find(name).value == "none" else {"value": value}),
    }
    expected = {"exists": False, "not_exists": True}.get(name)
    assert met(leaf, {"a": {}}) is expected
    assert met(leaf, {}) is expected
    assert met(leaf, {"a": {"b": None}}) is dict(NULL_IN).get(name)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("items.0.name", True, id="index"),
        pytest.param("items.1.name", None, id="past-the-end"),
        pytest.param("items.-1.name", None, id="from-the-end"),
        pytest.param("items.name", None, id="name-in-a-list"),
        pytest.param("numbers.0", True, id="number-as-a-key"),
        pytest.param("headers.content-type", True, id="dash"),
        pytest.param("form.First name", True, id="space"),
        pytest.param("__class__", None, id="class"),
        pytest.param("items.__len__", None, id="method"),
        pytest.param("items.0.name.upper", None, id="into-text"),
        pytest.param("items.99999999999999999999.name", None, id="huge-index"),
        pytest.param("items.²", None, id="digit-that-is-none"),
    ],
)
def test_paths(path: str, expected: bool | None) -> None:
    payload = {
        "items": [{"name": "x"}],
        "numbers": {"0": "x"},
        "headers": {"content-type": "x"},
        "form": {"First name": "x"},
    }
    assert met({"field": path, "operator": "equals", "value": "x"}, payload) is expected


@pytest.mark.parametrize(
    ("field", "operator", "value", "expected"),
    [
        pytest.param("deal.stage", "changed", None, True, id="changed"),
        pytest.param("stage", "changed", None, True, id="without-the-record"),
        pytest.param("deal.name", "changed", None, False, id="did-not-change"),
        pytest.param("deal.stage", "changed_from", "Proposal", True, id="from"),
        pytest.param("deal.stage", "changed_to", "Closed Won", True, id="to"),
        pytest.param("deal.stage", "changed_to", "Proposal", False, id="to-another"),
        pytest.param("deal.custom.tier", "changed_to", "gold", True, id="inside-custom"),
        pytest.param(
            "deal.custom.tier", "changed_from", None, True, id="was-missing-inside-custom"
        ),
        pytest.param("deal.custom.region", "changed", None, False, id="other-inside-custom"),
        pytest.param("deal.torn", "changed", None, None, id="malformed"),
    ],
)
def test_changes(field: str, operator: str, value: Any, expected: bool | None) -> None:
    payload = {
        "deal": {"stage": "Closed Won"},
        "changes": {
            "stage": {"old": "Proposal", "new": "Closed Won"},
            "custom": {"old": {"region": "north"}, "new": {"region": "north", "tier": "gold"}},
            "torn": 5,
        },
    }
    leaf = {"field": field, "operator": operator, "value": value}
    assert met(leaf, payload) is expected
    assert met(leaf, {"deal": {"stage": "Closed Won"}}) is None


def test_trace_shows_every_rule() -> None:
    tree = combined("AND", rule("OR", NOT_MET, BROKEN, UNKNOWN), {**BIG, "operator": "lt"}, NAMED)
    verdict = conditions.judge(conditions.parse(tree), DEAL, with_trace=True)
    assert verdict.met is False
    assert verdict.trace[0] == {
        "path": "conditions[0].rules[0]", "field": "deal.stage", "operator": "equals",
        "expected": "Lost", "actual": "Closed Won", "met": False, "note": "",
    }  # fmt: skip
    assert [(leaf["path"], leaf["met"], leaf["note"]) for leaf in verdict.trace[1:]] == [
        ("conditions[0].rules[1]", None, '"Closed Won" is not a number.'),
        ("conditions[0].rules[2]", None, "The event has no deal.missing."),
        ("conditions[1]", False, ""),
        ("conditions[2]", True, ""),
    ]


@pytest.mark.parametrize(
    ("actual", "shown"),
    [
        pytest.param("x" * 1000, "x" * 199 + "…", id="long-text"),
        pytest.param(["x" * 50] * 10, None, id="long-list"),
        pytest.param([1] * 1000, "[1000 entries]", id="many-entries"),
        pytest.param({"a": [1]}, {"a": [1]}, id="small-object"),
    ],
)
def test_traces_stay_small(actual: Any, shown: Any) -> None:
    condition = conditions.parse({"field": "a", "operator": "exists"})
    (leaf,) = conditions.judge(condition, {"a": actual}, with_trace=True).trace
    assert leaf["actual"] == shown or shown is None
    assert len(json.dumps(leaf)) < 400
