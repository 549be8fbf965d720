"""Showing values of any shape to people, escaped."""

from __future__ import annotations

from typing import Any

import orjson
from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()
_LONGEST = 20_000


@register.simple_tag
def pretty(value: Any) -> str | SafeString:
    """Text as it is, lists and objects as indented JSON; `format_html` escapes what stands inside."""
    if value is None or value == "":
        return format_html('<span class="tf-quiet">{}</span>', "empty")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict | list):
        return format_html('<pre class="tf-json">{}</pre>', _indented(value))
    return format_html('<span class="tf-text">{}</span>', _cut(str(value)))


def _indented(value: Any) -> str:
    return _cut(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode())


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + " … [cut]"
