from __future__ import annotations

from typing import Any

import pytest

from executions.gates import rule_conditions
from executions.models import Reason
from tests.executions.gates.conftest import MakeCandidate


def large(value: Any) -> dict[str, Any]:
    leaf = {"field": "deal.value", "operator": "greater_than", "value": value}
    return {"type": "rule", "logic": "AND", "rules": [leaf]}


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"deal": {"value": 15}}, None),
        ({"deal": {"value": 5}}, Reason.CONDITION_FALSE),
        ({"deal": {}}, Reason.CONDITION_FALSE),
        ({"deal": {"value": {"a": 1}}}, Reason.CONDITION_ERROR),
    ],
    ids=["met", "not met", "missing", "cannot be compared"],
)
def test_what_they_say(
    candidate: MakeCandidate, payload: dict[str, Any], reason: Reason | None
) -> None:
    made = candidate(trigger={"conditions": large(10)}, event={"payload": payload})
    refusal = rule_conditions.refuse(made)
    assert (refusal and refusal.reason) == reason
    assert made.trace


@pytest.mark.parametrize(
    ("verified", "reason"), [(True, None), (False, Reason.CONDITION_FALSE)], ids=["yes", "no"]
)
def test_they_know_whether_the_sender_was_verified(
    candidate: MakeCandidate, verified: bool, reason: Reason | None
) -> None:
    """Whatever the sender says of it."""
    rules = [
        {"field": "_event.verified", "operator": "equals", "value": True},
        {"field": "_event.source", "operator": "equals", "value": "webhook"},
    ]
    made = candidate(
        trigger={"conditions": {"type": "rule", "logic": "AND", "rules": rules}},
        event={
            "payload": {"_event": {"verified": True}, "data": {"_event": {"verified": True}}},
            "source": "webhook",
            "verified": verified,
        },
    )
    refusal = rule_conditions.refuse(made)
    assert (refusal and refusal.reason) == reason


def test_a_broken_tree_is_an_error_and_never_true(candidate: MakeCandidate) -> None:
    made = candidate(
        trigger={
            "conditions": {
                "type": "rule",
                "logic": "AND",
                "rules": [{"field": "a", "operator": "??"}],
            }
        }
    )
    refusal = rule_conditions.refuse(made)
    assert refusal is not None
    assert refusal.reason == Reason.CONDITION_ERROR


def test_a_filter_is_asked_first(candidate: MakeCandidate) -> None:
    made = candidate(
        trigger={"config": {"endpoint": "sale", "filter": {"plan": "gold"}}},
        event={"source": "custom", "payload": {"endpoint": "sale", "data": {"plan": "free"}}},
    )
    refusal = rule_conditions.refuse(made)
    assert refusal is not None
    assert refusal.reason == Reason.CONDITION_FALSE
    assert made.trace[0]["actual"] == "free"


def test_a_missing_field_is_logged(
    candidate: MakeCandidate, caplog: pytest.LogCaptureFixture
) -> None:
    rule_conditions.refuse(candidate(trigger={"conditions": large(10)}, event={"payload": {}}))
    assert "could not be decided" in caplog.text


def test_plain_words_are_left_to_a_model(candidate: MakeCandidate) -> None:
    made = candidate(trigger={"conditions": {"type": "llm", "description": "sounds urgent"}})
    assert rule_conditions.refuse(made) is None
    assert made.needs_model
    assert made.trace[0]["note"] == "pending"
