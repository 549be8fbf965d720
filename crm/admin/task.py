"""Tasks in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin import EmptyFieldListFilter
from django.http import HttpRequest

from config.lib import clock
from crm.admin.actions import Done, ObjectAction, Refused
from crm.admin.base import WorkspaceModelAdmin
from crm.admin.columns import column
from crm.models import Task


def finish(request: HttpRequest, task: Task, cleaned: dict[str, Any]) -> Done:
    if not Task.objects.filter(pk=task.pk, done_at=None).update(done_at=clock.now()):
        raise Refused("It was done already.")
    return Done(f"“{task}” is done.")


@admin.register(Task)
class TaskAdmin(WorkspaceModelAdmin):
    list_display = ["title", "state", "contact", "opportunity", "owner", "due_at"]
    list_select_related = ["contact", "opportunity", "owner", "workspace"]
    list_filter = [("done_at", EmptyFieldListFilter)]
    search_fields = ["title", "contact__email"]
    autocomplete_fields = ["contact", "opportunity"]
    readonly_fields = ["created_at"]
    fields = ["title", ("contact", "opportunity"), "owner", ("due_at", "done_at"), "created_at"]
    object_actions = [
        ObjectAction(
            "finish",
            "Mark as done",
            finish,
            icon="task_alt",
            shown=lambda task: task.done_at is None,
        )
    ]

    @column("State", label={"Done": "success", "Open": "info"})
    def state(self, row: Task) -> str:
        return "Done" if row.done_at else "Open"
