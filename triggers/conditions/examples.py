"""What a model gets to see of an example's input, which people write in the form that suits them.

An object is an event, or has the paths themselves as names (`{"form.fields.message": "..."}`); anything else is the
value of the one field that is shown, or stands for the whole event.
"""

from __future__ import annotations

from typing import Any

from config.lib import paths
from triggers.conditions.tree import Question

WHOLE = "input"  # the name under which a text stands that is no field's


def seen(question: Question, given: Any) -> dict[str, Any]:
    """The fields that are shown, by their paths; those that the input does not have are left out."""
    fields = question.context_fields
    if not isinstance(given, dict):
        return {fields[0] if len(fields) == 1 else WHOLE: given}
    if not fields:
        return dict(given)
    found = {name: _find(given, name) for name in fields}
    return {name: value for name, value in found.items() if value is not paths.MISSING}


def missing(question: Question, given: Any) -> list[str]:
    """The shown fields that the input does not have."""
    if not isinstance(given, dict) and len(question.context_fields) < 2:
        return []
    known = seen(question, given)
    return [name for name in question.context_fields if name not in known]


def _find(given: dict[str, Any], name: str) -> Any:
    """Also inside `data`, as conditions see a custom event (`triggers.facts`)."""
    if name in given:
        return given[name]
    parts = paths.split(name)
    value = paths.find(given, parts)
    inner = given.get("data")
    return paths.find(inner, parts) if value is paths.MISSING and isinstance(inner, dict) else value
