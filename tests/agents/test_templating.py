"""Variables in texts: what is one, what it becomes, what is unknown, and that nothing else is evaluated."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents import templating
from config.lib import json

RUN: dict[str, Any] = {
    "contact": {
        "first_name": "Ann",
        "email": "ann@example.org",
        "title": None,
        "custom": {"tier": "gold"},
    },
    "deal": {"value": 15000.5, "whole": 15000.0, "open": True, "tags": ["a", {"b": 1}]},
    "form": {"fields": {"company": "Acme"}},
    "event": {"request": {"headers": {"content-type": "text/plain"}}, "items": [{"sku": "x"}]},
    "inputs": {"n": 7, "trick": "@contact.email", "zoë": "é"},
    "steps": {"1": {"output": {"id": "abc", "none": None}}},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Hello @contact.first_name.", "Hello Ann.", id="end-of-a-sentence"),
        pytest.param("@contact.first_name, @deal.value!", "Ann, 15000.5!", id="two"),
        pytest.param("(@contact.first_name)", "(Ann)", id="brackets"),
        pytest.param("@contact.custom.tier", "gold", id="deep"),
        pytest.param("@steps.1.output.id", "abc", id="step"),
        pytest.param("@event.items.0.sku", "x", id="index"),
        pytest.param("@event.request.headers.content-type", "text/plain", id="dash"),
        pytest.param("@inputs.zoë", "é", id="letters-beyond-ascii"),
        pytest.param("@inputs.n", 7, id="alone-keeps-its-type"),
        pytest.param("@contact.title", None, id="alone-null"),
        pytest.param("@deal.tags", ["a", {"b": 1}], id="alone-list"),
        pytest.param("@form", {"fields": {"company": "Acme"}}, id="alone-root"),
        pytest.param("n=@inputs.n", "n=7", id="number-in-text"),
        pytest.param("[@contact.title]", "[]", id="null-in-text"),
        pytest.param("@deal.whole EUR", "15000 EUR", id="whole-float-in-text"),
        pytest.param("open: @deal.open", "open: true", id="boolean-in-text"),
        pytest.param("tags: @deal.tags", 'tags: ["a",{"b":1}]', id="list-in-text"),
        pytest.param(" @inputs.n", " 7", id="a-space-makes-it-text"),
        pytest.param("ann@contact.example", "ann@contact.example", id="address"),
        pytest.param("@company.name", "@company.name", id="no-root"),
        pytest.param("@contacts", "@contacts", id="longer-word"),
        pytest.param("@contact-us", "@contact-us", id="longer-word-with-a-dash"),
        pytest.param("@@contact.email", "@contact.email", id="plain-at"),
        pytest.param("@@", "@", id="plain-at-alone"),
        pytest.param("me@@example.org", "me@example.org", id="plain-at-in-a-word"),
        pytest.param("@@@inputs.n", "@7", id="plain-at-before-a-variable"),
        pytest.param("@", "@", id="lone-at"),
        pytest.param("@inputs.trick!", "@contact.email!", id="values-are-not-searched"),
        pytest.param(
            "{{ 7*7 }} {% x %} ${x} {0}", "{{ 7*7 }} {% x %} ${x} {0}", id="no-other-language"
        ),
    ],
)
def test_render(text: str, expected: Any) -> None:
    assert templating.render(text, RUN) == expected


def test_render_walks_values_and_copies() -> None:
    value = {"@inputs.n": ["@inputs.n", {"x": "n @inputs.n"}], "n": 5, "none": None}
    rendered = templating.render(value, RUN)
    assert rendered == {"@inputs.n": [7, {"x": "n 7"}], "n": 5, "none": None}
    tags = templating.render("@deal.tags", RUN)
    tags.append("more")
    assert len(RUN["deal"]["tags"]) == 2


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        pytest.param("contact.emial", "contact.email", id="typo"),
        pytest.param("contact.custom.teir", "contact.custom.tier", id="typo-inside"),
        pytest.param("form.feilds.company", "form.fields.company", id="typo-above"),
        pytest.param("steps.2.output", None, id="step-that-did-not-run"),
        pytest.param("agent.name", None, id="root-that-is-not-there"),
        pytest.param("contact.__class__", None, id="class"),
        pytest.param("contact.__class__.__mro__", None, id="class-chain"),
        pytest.param("contact.__init__", None, id="method"),
        pytest.param("contact.first_name.upper", None, id="into-text"),
        pytest.param("deal.tags.9", None, id="past-the-end"),
    ],
)
def test_unknown(name: str, suggestion: str | None) -> None:
    with pytest.raises(templating.UnknownVariable, match=f"@{name}") as caught:
        templating.render({"text": f"Hi @{name}!"}, RUN)
    assert (caught.value.name, caught.value.suggestion) == (name, suggestion)


def test_output_is_capped() -> None:
    run = {"inputs": {"text": "x" * 60_000, "list": ["y" * 1000] * 1000}}
    rendered = templating.render(["@inputs.text", "@inputs.text @inputs.text", "@inputs.list"], run)
    assert len(json.dumps(rendered)) < templating.MAX_OUTPUT + 1000
    assert rendered[1].endswith(json.TRUNCATED)


def test_variables_in() -> None:
    value = {
        "a": "@inputs.n and @contact.email.",
        "b": ["@inputs.n", "@@deal.value", 5],
        "c": "x@form.y",
    }
    assert templating.variables_in(value) == ["inputs.n", "contact.email"]


KNOWN = {"contact": {"id", "first_name", "email", "custom"}, "event": None}


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        pytest.param("@contact.emial", "@contact.email", id="typo"),
        pytest.param("@contact.xyz", None, id="unknown-field"),
        pytest.param("@steps.2.output", None, id="this-step"),
        pytest.param("@steps.3.output", None, id="later-step"),
        pytest.param("@steps.0.output", None, id="step-zero"),
        pytest.param("@steps.first.output", None, id="step-by-name"),
        pytest.param("@steps.1.id", "@steps.1.output.id", id="output-left-out"),
        pytest.param("@contact.email @contact", "", id="known"),
        pytest.param("@contact.custom.anything", "", id="custom"),
        pytest.param("@event.anything @deal.anything", "", id="open-roots"),
        pytest.param("@steps.1.output.id @steps.1.error @steps", "", id="earlier-step"),
    ],
)
def test_problems(text: str, suggestion: str | None) -> None:
    found = templating.problems({"x": [text]}, known=KNOWN, step=2, path="steps[1].params")
    if suggestion == "":
        assert found == []
    else:
        assert [(problem.path, problem.suggestion) for problem in found] == [
            ("steps[1].params.x[0]", suggestion)
        ]


@given(st.text(alphabet="@.contactdeal_- 01é", max_size=40) | st.text())
def test_nothing_but_unknown_variable_is_raised(text: str) -> None:
    templating.problems(text, known=KNOWN, step=1)
    with suppress(templating.UnknownVariable):
        rendered = templating.render(text, RUN)
        assert templating.variables_in(text) or rendered == text.replace("@@", "@")
