"""Conditions and sums of money as people read them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from executions.pages.words import conditions_seen
from executions.templatetags import triggerfish
from tests.executions.pages.conftest import TRACE, TREE


def test_the_trace_is_nested_as_the_conditions_are() -> None:
    seen = conditions_seen(TRACE, TREE)
    assert seen is not None
    assert seen.said == "Any of these"
    leaf, group = seen.members
    assert leaf.leaf is not None
    assert leaf.leaf["field"] == "contact.company"
    assert group.said == "Not this"
    assert [member.leaf and member.leaf["field"] for member in group.members] == ["contact.source"]


def test_conditions_that_were_changed_since_are_not_made_up() -> None:
    seen = conditions_seen(TRACE, {"type": "rule", "logic": "AND", "rules": []})
    assert seen is not None
    assert seen.said == "These"
    assert len(seen.members) == 2


def test_without_a_trace_there_is_nothing_to_see() -> None:
    assert conditions_seen([], TREE) is None


@pytest.mark.parametrize(
    ("value", "said"),
    [("15000", "15,000.00 USD"), ("0", "0.00 USD"), ("1234567.5", "1,234,567.50 USD")],
)
def test_money(value: str, said: str) -> None:
    assert triggerfish.money(Decimal(value), "USD") == said
