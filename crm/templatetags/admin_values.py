"""Showing values of any shape to people, escaped: objects as tables, lists as lists, never as raw JSON."""

from __future__ import annotations

from typing import Any

import orjson
from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()
_LONGEST = 20_000
_DEEPEST = 5  # tables within tables; what lies below, or is too long for a page, is shown as text


@register.simple_tag
def pretty(value: Any) -> str | SafeString:
    """`format_html` escapes what stands inside."""
    if isinstance(value, dict | list):
        text = orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode()
        return _structure(value, 1) if len(text) <= _LONGEST else _as_text(text)
    return _plain(value)


def _shown(value: Any, depth: int) -> str | SafeString:
    if not isinstance(value, dict | list):
        return _plain(value)
    if depth > _DEEPEST:
        return _as_text(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode())
    return _structure(value, depth)


def _structure(value: Any, depth: int) -> str | SafeString:
    if not value:
        return format_html('<span class="tf-quiet">{}</span>', "none")
    if isinstance(value, dict):
        rows = ((name, _shown(item, depth + 1)) for name, item in value.items())
        cells = format_html_join("", '<tr><th scope="row">{}</th><td>{}</td></tr>', rows)
        return format_html('<table class="tf-values"><tbody>{}</tbody></table>', cells)
    if not any(isinstance(item, dict | list) for item in value):
        return format_html_join(", ", "{}", ((_plain(item),) for item in value))
    members = format_html_join("", "<li>{}</li>", ((_shown(item, depth + 1),) for item in value))
    return format_html('<ol class="tf-members">{}</ol>', members)


def _plain(value: Any) -> str | SafeString:
    if value is None or value == "":
        return format_html('<span class="tf-quiet">{}</span>', "empty")
    if isinstance(value, bool):
        return "yes" if value else "no"
    return format_html('<span class="tf-text">{}</span>', _cut(str(value)))


def _as_text(text: str) -> SafeString:
    return format_html('<pre class="tf-json">{}</pre>', _cut(text))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + " … [cut]"
