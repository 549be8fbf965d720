"""JSON of any shape, with what breaks readers in it."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

ODD = ["", " ", "\x00", "\ud800", "\u202e", "é", "𝒳", "__class__", "$ref", "=1+1", "'", '"', "\\"]
texts = st.text(max_size=20) | st.sampled_from(ODD)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**63, -(2**63) - 1, 2**64, 10**80])
    | st.floats()
    | texts
)
anything: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
storable_texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20
)
storable: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | storable_texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(storable_texts, inner, max_size=4),
    max_leaves=12,
)
