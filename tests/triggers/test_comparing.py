"""Sameness and order: what the tables of the operators do not reach."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from triggers import comparing

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(alphabet="0123456789.-+:TZe ", max_size=12)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=5,
)


@given(values, values)
def test_same_is_symmetric_and_never_raises(one: Any, other: Any) -> None:
    assert comparing.same(one, other) is comparing.same(other, one)


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_the_same_as_its_spelling(value: float) -> None:
    assert comparing.same(value, str(value)) or len(str(value)) > 64


@given(scalars, scalars)
def test_order_raises_nothing_but_incomparable(actual: Any, expected: Any) -> None:
    with suppress(comparing.Incomparable):
        limit = comparing.limit(expected)
        assert comparing.limit_problem(expected) is None
        assert comparing.difference(actual, limit) in {-1, 0, 1}


@given(st.datetimes().map(str) | st.datetimes().map(lambda at: at.isoformat() + "+14:00"))
def test_every_time_orders_with_itself(value: str) -> None:
    with suppress(comparing.Incomparable):
        assert comparing.difference(value, comparing.limit(value)) == 0


@given(values, values)
def test_holds_raises_nothing_but_incomparable(actual: Any, expected: Any) -> None:
    with suppress(comparing.Incomparable):
        assert comparing.holds(actual, expected) in {True, False}
