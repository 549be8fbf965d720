"""The fields of a form: what a form may ask, and which answers it takes. No queries.

A field is `{"name", "label", "type", "required"?, "options"?, "help"?}`. Answers come from a browser (all of it text)
or from a program (JSON); what is kept is text, a number, a date as ISO text, or true and false, one for every field.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator, validate_email

from config.lib import json

FormField = dict[str, Any]
Answers = dict[str, Any]
Errors = dict[str, list[str]]

MAX_FIELDS = 50
MAX_FREE_FIELDS = 100
MAX_TEXT = 10_000
MAX_LENGTHS = {
    "text": 500,
    "email": 254,
    "tel": 50,
    "url": 2_000,
    "number": 40,
    "date": 10,
    "textarea": MAX_TEXT,
    "select": 200,
    "checkbox": 10,
}
REQUIRED = "This field is required."
_NAME = re.compile(r"[a-z][a-z0-9_]{0,49}\Z")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_YES = {"on", "true", "yes", "1"}
_NO = {"", "off", "false", "no", "0"}
_is_url = URLValidator(schemes=["http", "https"])


def known_fields(fields: Any) -> None:
    """Validator of `Form.fields`. Raises ValidationError with a sentence for each field that is not well formed."""
    if not isinstance(fields, list) or not 1 <= len(fields) <= MAX_FIELDS:
        raise ValidationError(f"Give a list of 1 to {MAX_FIELDS} fields.")
    problems = [
        f"Field {number}: {problem}"
        for number, field in enumerate(fields, 1)
        for problem in _problems_of(field)
    ]
    names = [field["name"] for field in fields if not problems]
    problems += [
        f"Two fields are named {name!r}."
        for name in sorted({n for n in names if names.count(n) > 1})
    ]
    if problems:
        raise ValidationError(problems)


def _problems_of(field: Any) -> list[str]:
    if not isinstance(field, dict):
        return ["not an object."]
    name, kind, text = field.get("name"), field.get("type"), field.get("help", "")
    checks = [
        (
            _is_text(name, 50) and _NAME.match(str(name)),
            "the name is 1 to 50 lower-case letters, digits and _, beginning with a letter.",
        ),
        (_is_text(field.get("label"), 200), "the label is a text of 1 to 200 characters."),
        (kind in tuple(MAX_LENGTHS), f"the type is one of: {', '.join(MAX_LENGTHS)}."),
        (isinstance(field.get("required", False), bool), "required is true or false."),
        (text == "" or _is_text(text, 500), "help is a text of at most 500 characters."),
        (
            kind != "select" or _are_options(field.get("options")),
            "a select needs 1 to 100 different options, each a text of 1 to 200 characters.",
        ),
    ]
    unknown = set(field) - {"name", "label", "type", "required", "options", "help"}
    return [problem for is_fine, problem in checks if not is_fine] + [
        f"unknown key {str(key)[:50]!r}." for key in sorted(unknown, key=str)
    ]


def _is_text(value: Any, longest: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= longest and not _UNSTORABLE.search(value)


def _are_options(options: Any) -> bool:
    if not isinstance(options, list) or not 1 <= len(options) <= 100:
        return False
    return all(_is_text(option, 200) for option in options) and len(set(options)) == len(options)


def read_answers(fields: Sequence[FormField], answers: Mapping[str, Any]) -> tuple[Answers, Errors]:
    """The answers as they are kept, one for each field, and what is wrong, by field."""
    kept: Answers = {}
    errors: Errors = {}
    for field in fields:
        try:
            kept[field["name"]] = _read(field, answers.get(field["name"]))
        except ValidationError as error:
            errors[field["name"]] = error.messages
    known = {field["name"] for field in fields}
    for name in answers:
        if name not in known:
            errors[storable_name(name)] = ["This form has no such field."]
    return kept, errors


def read_free_answers(answers: Mapping[str, Any]) -> tuple[Answers, Errors]:
    """The same without a form: an e-mail address and whatever else was sent, within limits."""
    if len(answers) > MAX_FREE_FIELDS:
        return {}, {"non_field_errors": [f"At most {MAX_FREE_FIELDS} fields."]}
    kept, errors = read_answers(
        [
            {"name": "email", "type": "email", "required": True},
            {"name": "name", "type": "text", "required": False},
        ],
        {name: value for name, value in answers.items() if name in ("email", "name")},
    )
    for name, value in answers.items():
        if name in ("email", "name"):
            continue
        if not _is_text(name, 100):
            errors[storable_name(name)] = ["The name of a field is 1 to 100 characters."]
        elif len(json.dumps(value)) > MAX_TEXT:
            errors[name] = [f"At most {MAX_TEXT} characters."]
        else:
            kept[name] = value
    return kept, errors


def storable_name(name: str) -> str:
    """A field's name from outside, fit for an error answer."""
    return _UNSTORABLE.sub("\ufffd", name)[:100]


def _read(field: FormField, value: Any) -> Any:
    kind = field["type"]
    if kind == "checkbox":
        return _checked(value, must=bool(field.get("required")))
    text = _text(value, longest=MAX_LENGTHS[kind])
    if not text:
        if field.get("required"):
            raise ValidationError(REQUIRED)
        return None if kind in ("number", "date") else ""
    return _READERS.get(kind, _as_it_is)(field, text)


def _text(value: Any, *, longest: int) -> str:
    if isinstance(value, bool | list | dict):
        raise ValidationError("Give a text or a number.")
    text = "" if value is None else str(value).replace("\r\n", "\n").strip()
    if len(text) > longest:
        raise ValidationError(f"At most {longest:,} characters.")
    if _UNSTORABLE.search(text):
        raise ValidationError("It contains a character that cannot be stored.")
    return text


def _checked(value: Any, *, must: bool) -> bool:
    word = (
        str(value).lower() if isinstance(value, bool | str | int) else "" if value is None else "?"
    )
    if word not in _YES | _NO:
        raise ValidationError("Answer yes or no.")
    if must and word in _NO:
        raise ValidationError(REQUIRED)
    return word in _YES


def _as_it_is(field: FormField, text: str) -> Any:
    return text


def _email(field: FormField, text: str) -> Any:
    try:
        validate_email(text)
    except ValidationError:
        raise ValidationError("Enter an e-mail address such as ann@example.org.") from None
    return text


def _url(field: FormField, text: str) -> Any:
    try:
        _is_url(text)
    except ValidationError:
        raise ValidationError("Enter an address such as https://example.org.") from None
    return text


def _number(field: FormField, text: str) -> Any:
    try:
        number = Decimal(text.replace(" ", ""))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number.adjusted()) > 30:
        raise ValidationError("Enter a number.")
    return json.number(number)


def _date(field: FormField, text: str) -> Any:
    try:
        return dt.date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValidationError("Enter a date such as 2026-11-30.") from None


def _option(field: FormField, text: str) -> Any:
    if text not in field.get("options", ()):
        raise ValidationError("Choose one of the options.")
    return text


_READERS: dict[str, Callable[[FormField, str], Any]] = {
    "email": _email,
    "url": _url,
    "number": _number,
    "date": _date,
    "select": _option,
}
