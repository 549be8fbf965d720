"""Structured columns for people who may look and not change: the same values as words and tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.template.loader import render_to_string

from crm.admin.columns import column


def as_table(field: str, title: str) -> Callable[[Any, Any], str]:
    """A method for a ModelAdmin: a JSON object as a table of names and values."""

    @column(title)
    def read(self: Any, row: Any) -> str:
        return render_to_string("admin/values.html", {"values": getattr(row, field)})

    return read


def as_list(field: str, title: str) -> Callable[[Any, Any], str]:
    """The same for a list of texts."""

    @column(title)
    def read(self: Any, row: Any) -> str:
        return ", ".join(map(str, getattr(row, field)))

    return read


def happened_to(page: str) -> Callable[[Any, Any], str]:
    """Links from a contact or deal to all that came of it; `page`: the name of its page on the dashboard."""

    @column("What happened")
    def happened(self: Any, row: Any) -> str:
        return render_to_string("admin/happened.html", {"row": row, "page": page})

    return happened
