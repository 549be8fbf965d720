"""Conditions: what is accepted, how faults are told, three values, traces, models, and what nobody may break."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.lib import json
from triggers import conditions, operators

BIG = {"field": "deal.value", "operator": "greater_than", "value": 10000}
WON = {"field": "deal.stage", "operator": "equals", "value": "Closed Won"}
NAMED = {"field": "contact.name", "operator": "exists"}
ASKED = {"type": "llm", "description": "Looks like a sales inquiry"}
DEAL = {"deal": {"value": 15000, "stage": "Closed Won"}, "contact": {"name": "Ann", "title": None}}


def rule(logic: str, *rules: Any) -> dict[str, Any]:
    return {"type": "rule", "logic": logic, "rules": list(rules)}


def combined(logic: str, *members: Any) -> dict[str, Any]:
    return {"type": "combined", "logic": logic, "conditions": list(members)}


def met(tree: Any, payload: Any = DEAL) -> bool | None:
    condition = conditions.parse(tree)
    traced, quick = (
        conditions.judge(condition, payload, with_trace=True),
        conditions.judge(condition, payload),
    )
    assert traced[:2] + traced[3:] == quick[:2] + quick[3:]
    return quick.met


def reason(tree: Any, payload: Any = DEAL) -> str | None:
    return conditions.judge(conditions.parse(tree), payload).reason


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


MET, NOT_MET = WON, {**WON, "value": "Lost"}
UNKNOWN = {"field": "deal.missing", "operator": "equals", "value": 1}
BROKEN = {**BIG, "field": "deal.stage"}


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


@pytest.mark.parametrize(
    ("tree", "answers", "expected"),
    [
        pytest.param(ASKED, {}, (None, None, True), id="only-a-question"),
        pytest.param(combined("AND", MET, ASKED), {}, (None, None, True), id="rules-are-met"),
        pytest.param(
            combined("AND", NOT_MET, ASKED),
            {},
            (False, "condition_false", False),
            id="rules-are-not",
        ),
        pytest.param(combined("OR", MET, ASKED), {}, (True, None, False), id="met-without-it"),
        pytest.param(combined("OR", UNKNOWN, ASKED), {}, (None, None, True), id="or-unknown"),
        pytest.param(
            combined("AND", UNKNOWN, ASKED),
            {},
            (None, "condition_false", False),
            id="cannot-be-met",
        ),
        pytest.param(
            combined("AND", BROKEN, ASKED),
            {},
            (None, "condition_error", False),
            id="cannot-be-met-error",
        ),
        pytest.param(combined("NOT", ASKED), {}, (None, None, True), id="not"),
        pytest.param(
            combined("AND", MET, ASKED),
            {"conditions[1]": True},
            (True, None, False),
            id="answered-yes",
        ),
        pytest.param(
            combined("AND", MET, ASKED),
            {"conditions[1]": False},
            (False, "condition_false", False),
            id="answered-no",
        ),
        pytest.param(
            combined("AND", MET, ASKED),
            {"conditions[1]": None},
            (None, "condition_error", False),
            id="model-failed",
        ),
        pytest.param(
            combined("NOT", ASKED),
            {"conditions[0]": None},
            (None, "condition_error", False),
            id="not-failed",
        ),
    ],
)
def test_questions_for_a_model(
    tree: Any, answers: dict[str, bool | None], expected: tuple[Any, ...]
) -> None:
    condition = conditions.parse(tree)
    for with_trace in (True, False):
        verdict = conditions.judge(condition, DEAL, with_trace=with_trace, answers=answers)
        assert (verdict.met, verdict.reason, verdict.needs_model) == expected


def test_questions_and_fields() -> None:
    question = {
        **ASKED,
        "context_fields": ["form.text"],
        "examples": [{"input": "Hi", "expected": False, "x": 1}],
    }
    condition = conditions.parse(combined("AND", rule("OR", BIG, WON), question))
    (asked,) = conditions.questions(condition)
    assert (asked.path, asked.examples) == ("conditions[1]", ({"input": "Hi", "expected": False},))
    assert conditions.fields(condition) == {"deal.value", "deal.stage", "form.text"}
    leaf = conditions.judge(condition, DEAL, with_trace=True).trace[-1]
    assert (leaf["operator"], leaf["met"], leaf["note"]) == ("llm", None, "pending")


SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "deal": {"$ref": "#/$defs/deal"},
        "contact": {"anyOf": [{"type": "null"}, {"type": "object", "properties": {"email": {}}}]},
        "items": {
            "type": "array",
            "items": {"type": "object", "properties": {"sku": {}}, "additionalProperties": False},
        },
        "note": {"type": ["string", "null"]},
    },
    "$defs": {
        "deal": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"value": {}, "custom": {"type": "object"}},
        }
    },
}


@pytest.mark.parametrize(
    ("field", "suggestion"),
    [
        pytest.param("deal.valeu", "deal.value", id="typo"),
        pytest.param("deel.value", "deal.value", id="typo-above"),
        pytest.param("items.0.skuu", "items.0.sku", id="typo-in-a-list"),
        pytest.param("items.first.sku", None, id="list-by-name"),
        pytest.param("note.text", None, id="inside-text"),
        pytest.param("deal.value", "", id="known"),
        pytest.param("deal.custom.tier", "", id="custom"),
        pytest.param("contact.anything", "", id="open-object"),
        pytest.param("items.3.sku", "", id="list"),
        pytest.param("deal", "", id="whole-record"),
    ],
)
def test_field_problems(field: str, suggestion: str | None) -> None:
    condition = conditions.parse(
        [MET | {"field": "deal.value"}, {"field": field, "operator": "exists"}]
    )
    found = conditions.field_problems(condition, SCHEMA)
    if suggestion == "":
        assert found == []
    else:
        assert [(problem.path, problem.suggestion) for problem in found] == [
            ("rules[1].field", suggestion)
        ]


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
