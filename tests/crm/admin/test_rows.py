"""The fields behind the row editors: what they take, and where they say that something is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django import forms

from crm.admin.form import FormFieldsField
from crm.admin.rows import PairsField, RecordsField


def problems(field: forms.Field, sent: Any) -> list[tuple[str, str]]:
    with pytest.raises(forms.ValidationError) as caught:
        field.clean(sent if isinstance(sent, str) else json.dumps(sent))
    return [
        ((error.params or {}).get("path", ""), " ".join(error.messages))
        for error in caught.value.error_list
    ]


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("", {}),
        ("[]", {}),
        ('[["a", 1], [" b ", {"c": [true, null]}]]', {"a": 1, "b": {"c": [True, None]}}),
        ('{"a": "as an object"}', {"a": "as an object"}),
    ],
)
def test_pairs_become_an_object(sent: str, stored: Any) -> None:
    assert PairsField().clean(sent) == stored


@pytest.mark.parametrize(
    ("sent", "path"),
    [
        ([["", 1]], "[0].name"),
        ([["a", 1], ["a", 2]], "[1].name"),
        ([["a"]], "[0]"),
        ([[1, 1]], "[0]"),
        ("x", ""),
        ('"x"', ""),
        ('[["a", 1]', ""),
        ('{"a": 1, "a": 2}', ""),
        ([["a", 1]] * 201, ""),
    ],
)
def test_bad_pairs_say_where(sent: Any, path: str) -> None:
    assert problems(PairsField(), sent)[0][0] == path


def test_what_is_shown_comes_back_the_same() -> None:
    field, stored = PairsField(), {"a": 1, "b": ["x", {"y": None}]}
    assert field.clean(field.prepare_value(stored)) == stored
    assert not field.has_changed(stored, field.prepare_value(stored))
    assert field.has_changed(stored, "[]")


def test_records_are_a_list_of_objects() -> None:
    assert RecordsField(required=False).clean('[{"name": "x"}]') == [{"name": "x"}]
    assert problems(RecordsField(), ["x"]) == [("[0]", "[0]: A row is a record.")]
    assert problems(RecordsField(), {"a": 1})[0][0] == ""


@pytest.mark.parametrize(
    ("record", "path"),
    [
        ({"name": "Bad name", "label": "x", "type": "text"}, "[0].name"),
        ({"name": "a", "label": "", "type": "text"}, "[0].label"),
        ({"name": "a", "label": "x", "type": "colour"}, "[0].type"),
        ({"name": "a", "label": "x", "type": "select", "options": []}, "[0].options"),
    ],
)
def test_a_field_of_a_form_is_checked(record: dict[str, Any], path: str) -> None:
    assert problems(FormFieldsField(), [record])[0][0] == path


def test_fields_of_a_form_are_stored_without_what_they_do_not_need() -> None:
    sent = [
        {"name": "a", "label": "A", "type": "text", "required": True, "help": "", "options": ["x"]}
    ]
    assert FormFieldsField().clean(json.dumps(sent)) == [
        {"name": "a", "label": "A", "type": "text", "required": True}
    ]
    assert "named 'a'" in problems(FormFieldsField(), sent * 2)[0][1]
