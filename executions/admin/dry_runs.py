"""Dry runs in the admin: what a trigger would make of an event, with or without the model of its conditions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.template.response import TemplateResponse

from crm.admin.actions import Done, ObjectAction
from crm.models import Role
from executions import launch
from executions.pages import words
from triggers import conditions
from triggers.models import Trigger


def actions(event_form: Callable[[Trigger], type[forms.Form]]) -> list[ObjectAction]:
    return [
        ObjectAction(
            "dry_run", "Dry run", dry_run, icon="preview", form=event_form, role=Role.VIEWER
        ),
        ObjectAction(
            "dry_run_with_model",
            "Dry run, asking the model",
            dry_run_with_model,
            icon="psychology",
            form=event_form,
            shown=_asks_a_model,
            in_bulk=False,
            outside=True,
        ),
    ]


def dry_run(request: HttpRequest, trigger: Trigger, cleaned: dict[str, Any]) -> Done:
    """Changes nothing, so nothing is written to the trail."""
    return _shown(request, trigger, launch.dry_run(trigger, payload=cleaned["event"]))


def dry_run_with_model(request: HttpRequest, trigger: Trigger, cleaned: dict[str, Any]) -> Done:
    answer = launch.dry_run(trigger, payload=cleaned["event"], ask_model=True)
    return _shown(request, trigger, answer)


def _asks_a_model(trigger: Trigger) -> bool:
    try:
        return bool(conditions.questions(conditions.parse(trigger.conditions or {})))
    except conditions.InvalidConditions:
        return False


def _shown(request: HttpRequest, trigger: Trigger, answer: dict[str, Any]) -> Done:
    reason = answer["reason"]
    context = admin.site.each_context(request) | {
        "title": "Dry run",
        "subtitle": str(trigger),
        "opts": Trigger._meta,
        "answer": answer,
        "trigger": trigger,
        "why": words.why(reason) if answer["would_run"] is False else "",
        "seen": words.conditions_seen(answer["trace"], trigger.conditions),
    }
    return Done("", page=TemplateResponse(request, "admin/dry_run.html", context), recorded=True)
