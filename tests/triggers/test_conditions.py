"""Conditions: what is accepted, how faults are told, and what nobody may break."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.lib import json
from tests.triggers.trees import ASKED, BIG, NAMED, WON, combined, met, rule
from triggers import conditions, operators


def problems(tree: Any) -> list[tuple[str, str | None]]:
    with pytest.raises(conditions.InvalidConditions) as caught:
        conditions.parse(tree)
    return [(problem.path, problem.suggestion) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        pytest.param(None, rule("AND"), id="none"),
        pytest.param([], rule("AND"), id="empty-list"),
        pytest.param({}, rule("AND"), id="empty-object"),
        pytest.param(
            {"type": "combined", "logic": "AND", "conditions": []}, rule("AND"), id="empty-tree"
        ),
        pytest.param([BIG, WON], rule("AND", BIG, WON), id="flat-list"),
        pytest.param(BIG, rule("AND", BIG), id="single-rule"),
        pytest.param([{**BIG, "operator": " GT "}], rule("AND", BIG), id="short-operator"),
        pytest.param({"type": "RULE", "logic": "or", "rules": [BIG]}, rule("OR", BIG), id="case"),
        pytest.param({"rules": [BIG]}, rule("AND", BIG), id="type-and-logic-told"),
        pytest.param(
            [{**NAMED, "value": True}], rule("AND", NAMED), id="value-where-none-is-taken"
        ),
        pytest.param([{**BIG, "label": "Big"}], rule("AND", BIG), id="other-keys-are-dropped"),
        pytest.param(
            [BIG, {"conditions": [WON, ASKED], "logic": "or"}],
            rule("AND", BIG, combined("OR", WON, {**ASKED, "context_fields": [], "examples": []})),
            id="tree-in-a-list",
        ),
    ],
)
def test_canonical(tree: Any, expected: dict[str, Any]) -> None:
    assert conditions.canonical(tree) == expected
    assert conditions.canonical(expected) == expected


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        pytest.param("x", [("", None)], id="text"),
        pytest.param([1], [("[0]", None)], id="number-in-list"),
        pytest.param(
            [{**BIG, "operator": "graeter_than"}], [("[0].operator", "greater_than")], id="typo"
        ),
        pytest.param([{**BIG, "operator": ">"}], [("[0].operator", "greater_than")], id="symbol"),
        pytest.param({**BIG, "operator": "xyzzy"}, [("operator", None)], id="unknown-operator"),
        pytest.param([{"field": "a"}], [("[0].operator", None)], id="no-operator"),
        pytest.param([{**BIG, "operator": 5}], [("[0].operator", None)], id="operator-is-a-number"),
        pytest.param([{"operator": "exists"}], [("[0].field", None)], id="no-field"),
        pytest.param(
            [{**BIG, "field": "@deal.value"}], [("[0].field", "deal.value")], id="variable"
        ),
        pytest.param(
            [{**BIG, "field": "$.deal.value"}], [("[0].field", "deal.value")], id="jsonpath"
        ),
        pytest.param([{**BIG, "field": "deal..value"}], [("[0].field", None)], id="two-dots"),
        pytest.param([{**BIG, "field": "a." * 100 + "a"}], [("[0].field", None)], id="long-path"),
        pytest.param([{**BIG, "field": "a\x00"}], [("[0].field", None)], id="nul-in-path"),
        pytest.param([{"field": "a", "operator": "gt"}], [("[0].value", None)], id="no-value"),
        pytest.param([{**BIG, "value": "much"}], [("[0].value", None)], id="wrong-value"),
        pytest.param([{**NAMED, "value": False}], [("[0].value", None)], id="value-for-exists"),
        pytest.param([{**WON, "value": "x" * 10_001}], [("[0].value", None)], id="large-value"),
        pytest.param([{**WON, "value": object()}], [("[0].value", None)], id="not-json"),
        pytest.param([{**WON, "value": "\ud800"}], [("[0].value", None)], id="surrogate"),
        pytest.param({"type": "rul", "rules": []}, [("type", "rule")], id="type"),
        pytest.param({"type": [], "rules": []}, [("type", None)], id="type-is-a-list"),
        pytest.param({"logic": "nand", "rules": [BIG]}, [("logic", "AND")], id="logic"),
        pytest.param({"type": "rule", "conditions": [BIG]}, [("rules", None)], id="wrong-list"),
        pytest.param({"type": "combined", "conditions": 5}, [("conditions", None)], id="no-list"),
        pytest.param(rule("NOT", BIG, WON), [("rules", None)], id="not-of-two"),
        pytest.param(rule("OR"), [("rules", None)], id="empty-or"),
        pytest.param(
            combined("AND", rule("AND")), [("conditions[0].rules", None)], id="empty-inside"
        ),
        pytest.param({"type": "llm"}, [("description", None)], id="question-without-words"),
        pytest.param(
            {**ASKED, "context_fields": ["a", 5], "examples": [{"input": 1}, 7]},
            [("context_fields[1]", None), ("examples[0].expected", None), ("examples[1]", None)],
            id="question",
        ),
        pytest.param(
            combined(
                "XOR",
                rule("AND", BIG),
                rule("and", {**BIG, "operator": "gte"}, {"field": "", "operator": "i"}),
            ),
            [
                ("logic", "OR"),
                ("conditions[1].rules[1].field", None),
                ("conditions[1].rules[1].operator", "in"),
            ],
            id="all-of-them",
        ),
    ],
)
def test_problems(tree: Any, expected: list[tuple[str, str | None]]) -> None:
    assert problems(tree) == expected


def test_limits() -> None:
    deep: Any = rule("AND", BIG)
    for _ in range(9):
        deep = combined("NOT", deep)
    assert met(deep) is False
    assert problems(combined("NOT", deep))[0][0].count("conditions[0]") == 10
    assert len(conditions.canonical([BIG] * 100)["rules"]) == 100
    assert problems([BIG] * 101) == [("[100]", None)]
    assert len(problems([{}] * 100_000)) <= 201
    for _ in range(5000):
        deep = combined("NOT", deep)
    assert len(problems(deep)) == 1


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["deal", "a.b", "gt"]),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(["field", "a", "changes", "type", "rules", "value", "operator"]),
            children,
            max_size=4,
        )
    ),
    max_leaves=8,
)
leaves = st.builds(
    lambda field, name, value: {"field": field, "operator": name, "value": value},
    st.sampled_from(["a", "a.b", "a.0", "changes"]) | st.text(max_size=4),
    st.sampled_from([*operators.registry.names(), "gt", "oops"]),
    json_values,
)
trees = st.recursive(
    leaves | st.just(ASKED) | json_values,
    lambda children: (
        st.builds(rule, st.sampled_from(["AND", "or", "NOT"]), children)
        | st.builds(combined, st.sampled_from(["AND", "OR"]), children, children)
    ),
    max_leaves=6,
)


@given(trees, json_values | st.dictionaries(st.sampled_from(["a", "changes"]), json_values))
def test_nothing_but_invalid_conditions_is_raised(tree: Any, payload: Any) -> None:
    try:
        condition = conditions.parse(tree)
    except conditions.InvalidConditions as error:
        found = error.problems
        assert found != []
        return
    assert conditions.parse(condition.tree) == condition
    assert json.loads(json.dumps(condition.tree)) == condition.tree
    met(tree, payload)


@given(st.lists(leaves, max_size=3), json_values | st.dictionaries(st.just("a"), json_values))
def test_any_payload_can_be_judged(rules: list[Any], payload: Any) -> None:
    kept = []
    for leaf in rules:
        try:
            conditions.parse(leaf)
        except conditions.InvalidConditions:
            continue
        kept.append(leaf)
    for logic in ("AND", "OR"):
        if kept:
            assert met(rule(logic, *kept), payload) in {True, False, None}
