"""Who belongs to a workspace."""

from __future__ import annotations

from django.contrib import admin

from crm.admin.base import ADMINISTERED, WorkspaceModelAdmin
from crm.models import Membership


@admin.register(Membership)
class MembershipAdmin(WorkspaceModelAdmin):
    needs = ADMINISTERED
    list_display = ["user", "role", "created_at"]
