"""Conditions that nobody would write, and events that nobody sent."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from config.lib import json
from tests.fuzzing.bounds import bounded
from tests.fuzzing.shapes import anything, texts
from triggers import conditions, operators

NAMES = [*operators.registry, "eq", "ne", "GT", " lt ", "==", "regex", "no_such"]
FIELDS = [
    *("deal", "deal.value", "deal.stage", "items.0", "items.9.name", "a..b", ".", "$.deal", "@deal", "__class__"),
    *("deal.__class__", "changes.value", "deal.custom.tier", "0", "-1"),
]  # fmt: skip
VALUES = ["", "a", "(", "(a+)+$", "2026-11-03", "2026-02-30", "1e999", "0x10", " 5 ", "１"]
rules = st.fixed_dictionaries(
    {},
    optional={
        "field": st.sampled_from(FIELDS) | texts | anything,
        "operator": st.sampled_from(NAMES) | texts | anything,
        "value": st.sampled_from(VALUES) | anything,
    },
)
questions = st.fixed_dictionaries(
    {"type": st.just("llm")},
    optional={
        "description": texts | anything,
        "context_fields": st.lists(st.sampled_from(FIELDS)) | anything,
        "examples": st.lists(
            st.fixed_dictionaries({"input": anything, "expected": st.booleans()}) | anything,
            max_size=2,
        ),
    },
)


def _groups(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    members = st.lists(inner, max_size=4) | anything
    return st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["rule", "combined", "llm", "RULE", "other"]) | anything,
            "logic": st.sampled_from(["AND", "or", " not ", "XOR"]) | anything,
            "rules": members,
            "conditions": members,
        },
    )


trees = st.recursive(rules | questions, _groups, max_leaves=8)
good_rules = st.builds(
    lambda field, operator, value: {"field": field, "operator": operator, "value": value},
    st.sampled_from(["deal", "deal.value", "deal.stage", "items.0", "deal.custom.tier", "x"]),
    st.sampled_from(list(operators.registry)),
    st.sampled_from([5, "5", "a", "2026-11-03", [1, "a"], True, 1.5]),
)
good_trees = st.recursive(
    good_rules,
    lambda inner: st.builds(
        lambda logic, members: {
            "type": "combined",
            "logic": logic,
            "conditions": members[:1] if logic == "NOT" else members,
        },
        st.sampled_from(["AND", "OR", "NOT"]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=6,
)
events = st.fixed_dictionaries(
    {},
    optional={
        "deal": st.dictionaries(st.sampled_from(["value", "stage", "custom"]), anything) | anything,
        "items": st.lists(anything, max_size=2) | anything,
        "changes": st.dictionaries(
            st.sampled_from(["value", "stage", "custom", "custom.tier"]),
            st.fixed_dictionaries({"old": anything, "new": anything}) | anything,
        )
        | anything,
        "x": anything,
    },
)


def _check(tree: Any, event: dict[str, Any]) -> None:
    try:
        condition = conditions.parse(tree)
    except conditions.InvalidConditions as error:
        assert error.problems
        assert all(problem.message for problem in error.problems)
        return
    again = conditions.parse(condition.tree)
    assert again.tree == condition.tree
    assert json.loads(json.dumps(condition.tree)) == condition.tree
    quick = conditions.judge(condition, event)
    seen = conditions.judge(condition, event, with_trace=True)
    assert (quick.met, quick.reason, quick.needs_model) == (seen.met, seen.reason, seen.needs_model)
    assert seen.met in {True, False, None}
    assert isinstance(json.loads(json.dumps(json.sanitise(seen.trace))), list)


@bounded(200)
@given(trees | st.lists(trees, max_size=4) | anything, events)
def test_any_tree_is_refused_or_judged(tree: Any, event: dict[str, Any]) -> None:
    _check(tree, event)


@bounded(200)
@given(good_trees | st.lists(good_rules, max_size=4), events)
def test_good_trees_are_judged_alike_with_and_without_a_trace(
    tree: Any, event: dict[str, Any]
) -> None:
    _check(tree, event)
