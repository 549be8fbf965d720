"""What an address may ask of a list, and of the search behind a foreign key."""

from __future__ import annotations

import inspect
from typing import Any

from django.contrib.admin import ModelAdmin
from django.db import models
from django.http import HttpRequest
from django.urls import reverse

from crm.admin.forms import is_id
from crm.models import Workspace

ASKED = ("exact", "id__exact", "in", "isnull", "isempty", "gte", "lt")  # by the filters at the side


class AskingMixin(ModelAdmin[Any]):
    workspace_path = "workspace"

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[Any], bool]:
        """Where a form searches (`SearchWidget`), only its own workspace's rows can be chosen."""
        found, doubled = super().get_search_results(request, queryset, search_term)
        given = request.GET.get("workspace", "")
        if request.path == reverse("admin:autocomplete") and is_id(Workspace._meta.pk, given):
            found = found.filter(**{self.workspace_path: given})
        return found, doubled

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Only what the filters ask. Django lets an address ask any column anything, patterns of any cost included."""
        if lookup.split("__", maxsplit=1)[0] not in {
            field.name for field in self.opts.get_fields()
        }:
            return super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]  # a stub's None
        offered: set[str] = set()
        for one in self.get_list_filter(request) if request else ():
            if inspect.isclass(one):
                offered.add(str(getattr(one, "parameter_name", "")))
                continue
            name = str(one[0] if isinstance(one, tuple | list) else one)
            offered |= {name, *(f"{name}__{asked}" for asked in ASKED)}
        return lookup in offered
