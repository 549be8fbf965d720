"""The button "Test connection": somebody outside is asked, and the page says what came of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.http import HttpRequest
from unfold.enums import ActionVariant

from crm.admin.actions import Done, ObjectAction, Refused
from crm.models import Role

Tried = tuple[bool, str, float]  # whether it works, what it said or what is wrong, seconds


def button(
    tried: Callable[[Any, dict[str, Any]], Tried], *, form: type[forms.Form] | None = None
) -> ObjectAction:
    """`tried(row, what the form was given)` waits for the answer, outside any transaction."""

    def test(request: HttpRequest, row: Any, cleaned: dict[str, Any]) -> Done:
        is_well, said, seconds = tried(row, cleaned)
        if not is_well:
            raise Refused(f"It does not work: {said}")
        return Done(f"It works, after {seconds:g} s. {said}", after={"ok": True})

    return ObjectAction(
        "test",
        "Test connection",
        test,
        role=Role.ADMIN,
        icon="network_check",
        variant=ActionVariant.PRIMARY,
        form=(lambda _row: form) if form else None,
        in_bulk=False,
        outside=True,
    )
