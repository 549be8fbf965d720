"""Addresses of the admin's pages, and what is drawn on them."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from django.contrib import admin
from django.db import models
from django.urls import reverse

from crm.admin.base import WorkspaceModelAdmin

_registered = {
    model: one
    for model, one in admin.site._registry.items()
    if isinstance(one, WorkspaceModelAdmin)
}
MODELS = sorted(_registered, key=lambda model: model.__name__)
NAMES = [model.__name__ for model in MODELS]
_NOT_SENT = ("checkbox", "radio", "submit")


def admin_of(model: type[models.Model]) -> WorkspaceModelAdmin:
    return _registered[model]


def url(model: type[models.Model], page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


class _Form(HTMLParser):
    """The fields of a page as a browser would send them back."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self.inside = ""  # the select or textarea that is open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in attrs}
        name = given.get("name", "")
        if tag == "input" and name and (given.get("type") not in _NOT_SENT or "checked" in given):
            self.found[name] = given.get("value", "on" if given.get("type") in _NOT_SENT else "")
        elif tag in ("select", "textarea"):
            self.inside = name
            self.found[name] = ""
        elif tag == "option" and "selected" in given:
            self.found[self.inside] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("select", "textarea"):
            self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside and self.lasttag == "textarea":
            self.found[self.inside] += data


def drawn_values(html: str) -> dict[str, str]:
    """What the page's form would send if nothing were changed."""
    form = _Form()
    form.feed(html)
    return {
        name: value for name, value in form.found.items() if name and name != "csrfmiddlewaretoken"
    }
