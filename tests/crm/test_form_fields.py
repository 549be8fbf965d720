from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from crm import form_fields
from crm.models.form import default_fields

ASKED: list[dict[str, Any]] = [
    {"name": "name", "label": "Name", "type": "text", "required": True},
    {"name": "email", "label": "E-mail", "type": "email", "required": True},
    {"name": "site", "label": "Site", "type": "url"},
    {"name": "seats", "label": "Seats", "type": "number"},
    {"name": "start", "label": "Start", "type": "date"},
    {"name": "plan", "label": "Plan", "type": "select", "options": ["Free", "Paid"]},
    {"name": "terms", "label": "Terms", "type": "checkbox", "required": True},
]
GOOD = {"name": "Ann", "email": "ann@example.org", "terms": "on"}


def test_every_field_has_an_answer() -> None:
    kept, errors = form_fields.read_answers(
        ASKED,
        {
            **GOOD,
            "seats": "12.5",
            "start": "2026-11-30",
            "plan": "Paid",
            "site": "https://example.org",
        },
    )
    assert errors == {}
    assert kept == {
        "name": "Ann", "email": "ann@example.org", "site": "https://example.org", "seats": 12.5, "start": "2026-11-30",
        "plan": "Paid", "terms": True,
    }  # fmt: skip
    kept, _ = form_fields.read_answers(ASKED, GOOD)
    assert (kept["site"], kept["seats"], kept["start"], kept["plan"]) == ("", None, None, "")


@pytest.mark.parametrize(
    "answers, field",
    [
        ({"name": "  "}, "name"),
        ({"name": None}, "name"),
        ({"name": "x" * 501}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": ["Ann"]}, "name"),
        ({"email": "not an address"}, "email"),
        ({"email": "x" * 250 + "@example.org"}, "email"),
        ({"site": "javascript:alert(1)"}, "site"),
        ({"seats": "many"}, "seats"),
        ({"seats": "NaN"}, "seats"),
        ({"seats": "1e400"}, "seats"),
        ({"seats": True}, "seats"),
        ({"start": "30 February"}, "start"),
        ({"start": "2026-02-30"}, "start"),
        ({"plan": "Gold"}, "plan"),
        ({"terms": ""}, "terms"),
        ({"terms": {"a": 1}}, "terms"),
        ({"unknown": "x"}, "unknown"),
    ],
    ids=str,
)
def test_wrong_answers_are_told_by_field(answers: dict[str, Any], field: str) -> None:
    _, errors = form_fields.read_answers(ASKED, {**GOOD, **answers})
    assert list(errors) == [field]


def test_script_and_formulas_are_text() -> None:
    kept, errors = form_fields.read_answers(
        ASKED, {**GOOD, "name": "=1+1 <script>alert(1)</script>"}
    )
    assert (kept["name"], errors) == ("=1+1 <script>alert(1)</script>", {})


def test_without_a_form_anything_goes_within_limits() -> None:
    kept, errors = form_fields.read_free_answers(
        {"email": "ann@example.org", "company": "Example", "tags": ["a"], "seats": 3}
    )
    assert errors == {}
    assert kept == {
        "email": "ann@example.org", "name": "", "company": "Example", "tags": ["a"], "seats": 3,
    }  # fmt: skip
    assert list(form_fields.read_free_answers({"name": "Ann"})[1]) == ["email"]
    assert list(
        form_fields.read_free_answers({"email": "a@example.org", "x": "y" * 10_001})[1]
    ) == ["x"]
    assert list(form_fields.read_free_answers({"email": "a@example.org", "": 1})[1]) == [""]
    assert list(form_fields.read_free_answers({str(number): 1 for number in range(101)})[1]) == [
        "non_field_errors"
    ]


def test_the_default_fields_are_well_formed() -> None:
    form_fields.known_fields(default_fields())
    form_fields.known_fields(ASKED)


@pytest.mark.parametrize(
    "fields",
    [
        [],
        {},
        "name",
        [1],
        [{}],
        [{"name": "_token", "label": "x", "type": "text"}],
        [{"name": "Name", "label": "x", "type": "text"}],
        [{"name": 5, "label": "x", "type": "text"}],
        [{"name": "a", "label": "", "type": "text"}],
        [{"name": "a", "label": "x", "type": "file"}],
        [{"name": "a", "label": "x", "type": []}],
        [{"name": "a", "label": "x", "type": "text", "required": "yes"}],
        [{"name": "a", "label": "x", "type": "text", "help": 5}],
        [{"name": "a", "label": "x", "type": "text", "color": "red"}],
        [{"name": "a", "label": "x", "type": "select"}],
        [{"name": "a", "label": "x", "type": "select", "options": ["a", "a"]}],
        [{"name": "a", "label": "x", "type": "select", "options": [1]}],
        [{"name": "a", "label": "x", "type": "text"}] * 2,
    ],
    ids=str,
)
def test_malformed_fields_are_refused(fields: Any) -> None:
    with pytest.raises(ValidationError):
        form_fields.known_fields(fields)
