"""Texts with variables, as hostile as they come: looked up or unknown, never anything else."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agents import templating
from config.lib import json
from tests.fuzzing.bounds import bounded
from tests.fuzzing.shapes import anything, texts

PIECES = [
    *("@", "@@", "@contact", "@contact.email", "@deal.value", ".email", ".custom.tier", ".0", ".-1", "..", "."),
    *("@steps.1.output", "@steps", "@inputs.x", "@event", "@nobody", "a@contact.example", "{{7*7}}", "${7*7}"),
    *("{%x%}", "%s", "{0.__class__}", "@contact.__class__", "@contact.__init__.__globals__", "\x00", "\ud800", " "),
]  # fmt: skip
words = st.lists(st.sampled_from(PIECES) | texts, max_size=6).map("".join)
values = st.recursive(
    words | anything,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
runs = st.fixed_dictionaries(
    {},
    optional={
        "contact": st.dictionaries(st.sampled_from(["email", "custom", "0"]), anything) | anything,
        "deal": anything,
        "inputs": st.fixed_dictionaries({"x": words | anything}),
        "steps": st.fixed_dictionaries({"1": st.fixed_dictionaries({"output": anything})}),
        "event": anything,
    },
)


@bounded(250)
@given(values, runs)
def test_it_is_filled_in_or_a_variable_is_unknown(value: Any, run: dict[str, Any]) -> None:
    try:
        filled = templating.render(value, run)
    except templating.UnknownVariable as error:
        assert error.name in templating.variables_in(value)
        return
    if not templating.variables_in(value) and "@@" not in repr(value):
        assert repr(filled) == repr(value)
    assert "<class" not in repr(filled)
    assert "<built-in" not in repr(filled)
    assert json.sanitise(filled, max_bytes=10**7) is not None or filled is None


@bounded(250)
@given(words, st.integers(1, 3))
def test_problems_are_told(text: str, step: int) -> None:
    known = {"contact": {"email", "custom"}, "event": None}
    for problem in templating.problems({"a": [text]}, known=known, step=step):
        assert problem.path == "a[0]"
        assert problem.message


@bounded(150)
@given(texts, texts)
def test_what_was_filled_in_is_not_searched_again(before: str, after: str) -> None:
    run = {"inputs": {"x": "@contact.email {{7*7}} @@"}, "contact": {"email": "secret"}}
    plain = (before.replace("@", ""), after.replace("@", "").lstrip(".-"))
    filled = templating.render(f"{plain[0]} @inputs.x {plain[1]}", run)
    assert filled == f"{plain[0]} @contact.email {{{{7*7}}}} @@ {plain[1]}"
