"""Two people on one form: who saves last must not undo, unseen, what the other one saved first.

The page carries a digest of each field as it was drawn. When it comes back, the row may hold something else: then the
form is refused once, with the names of those fields, and drawn again with what was typed and the digests of now. Who
saves it a second time has been told.
"""

from __future__ import annotations

import hashlib
from typing import Any

from django.forms import BaseForm

from config.lib import json

NAME = "_seen"  # of the hidden input; no model has such a field


def seen(form: BaseForm) -> str:
    """`{"name": "5c0f…"}` of the row's values now, for the hidden input."""
    return json.dumps(_digests(form)).decode()


def changed_meanwhile(form: BaseForm) -> list[str]:
    """Labels of the fields that hold something else than when the page was drawn.

    Empty where the page did not say what it had drawn: a program sends only what it wants to change.
    """
    shown = _told(form.data.get(NAME, ""))
    changed = [name for name, now in _digests(form).items() if shown.get(name, now) != now]
    return [str(form[name].label) for name in changed]


def _digests(form: BaseForm) -> dict[str, str]:
    """Of what was loaded from the row before the form was read, in each field's own type."""
    return {
        name: _digest(form.get_initial_for_field(field, name))
        for name, field in form.fields.items()
    }


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(json.sanitise(value))).hexdigest()[:16]


def _told(text: str) -> dict[str, Any]:
    try:
        told = json.loads(text)
    except json.InvalidJSON:
        return {}
    return told if isinstance(told, dict) else {}
