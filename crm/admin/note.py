"""Notes in the admin."""

from __future__ import annotations

from django.contrib import admin

from crm.admin.base import WorkspaceModelAdmin
from crm.models import Note


@admin.register(Note)
class NoteAdmin(WorkspaceModelAdmin):
    list_display = ["__str__", "contact", "opportunity", "owner", "created_at"]
    list_select_related = ["contact", "opportunity", "owner", "workspace"]
    search_fields = ["text", "contact__email"]
    autocomplete_fields = ["contact", "opportunity"]
    readonly_fields = ["created_at"]
    fields = ["text", "contact", "opportunity", "owner", "created_at"]
