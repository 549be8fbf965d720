"""How pages show times, durations, states and values. Nothing here marks data as safe: templates escape it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, NamedTuple

import orjson
from django import template
from django.utils import timezone
from django.utils.html import format_html

from agents import actions, conversation, exposure
from agents.models import Agent
from executions import filling
from executions.models import Execution, Status
from executions.models.reason import label_of
from executions.pages.feed import label
from triggers import operators

register = template.Library()
_LONG = 100  # characters; a longer value gets a box of its own
_NO_ACTIONS = {conversation.TURN: "Model", filling.KIND: "Read from the event"}
_BADGE = '<span class="badge badge-{}">{}</span>'


@register.filter
def moment(at: dt.datetime | None) -> str:
    """`14:03:22` today, `20 Nov 14:03` earlier, in the workspace's timezone; the whole time as a tooltip."""
    if at is None:
        return "–"
    local, today = timezone.localtime(at), timezone.localdate()
    shown = f"{local:%H:%M:%S}" if local.date() == today else f"{local.day} {local:%b %H:%M}"
    if local.year != today.year:
        shown = f"{local.day} {local:%b %Y}"
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        at.isoformat(),
        f"{local:%Y-%m-%d %H:%M:%S %Z}",
        shown,
    )


@register.filter
def money(value: Decimal, currency: str) -> str:
    """`15,000.00 USD`"""
    return f"{value:,.2f} {currency}"


@register.filter
def thousands(value: int) -> str:
    """`1,234,567`"""
    return f"{value:,}"


@register.filter
def amount(value: float | Decimal | None) -> str:
    """`12.34`, `0.0412`, `0.000412`: as exact as a call of a model is cheap; whole numbers as they are, `100,000`."""
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{value:,}"
    places = 2 if value >= 1 else 4 if value >= 0.01 else 6
    whole, _, small = f"{value:,.{places}f}".rstrip("0").partition(".")
    return f"{whole}.{small:0<2}"


@register.filter
def dollars(value: float | Decimal | None) -> str:
    return "" if value is None else f"{amount(value)} dollars"


@register.filter
def duration(milliseconds: int | None) -> str:
    if milliseconds is None:
        return ""
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    seconds = milliseconds / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"


@register.simple_tag
def badge(execution: Execution) -> str:
    """The status, and for a skipped run why."""
    text = Status(execution.status).label
    if execution.reason:
        text = f"{text}: {label_of(execution.reason).lower()}"
    return format_html(_BADGE, execution.status, text)


@register.simple_tag
def risk_of(agent: Agent) -> str:
    """What to think of with this agent, see `agents.exposure`."""
    return exposure.warning_of(agent)


@register.simple_tag
def plain_badge(kind: str, text: str) -> str:
    return format_html(_BADGE, kind, text)


@register.filter
def event_label(name: str) -> str:
    return label(name)


@register.filter
def action_label(name: str) -> str:
    if name in _NO_ACTIONS:
        return _NO_ACTIONS[name]
    return actions.registry.get(name).label if name in actions.registry else name


@register.filter
def is_text(value: Any) -> bool:
    return isinstance(value, str)


@register.filter
def pretty(value: Any) -> str:
    """Indented JSON, for a `pre`."""
    return orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2).decode()


@register.filter
def said(value: Any) -> str:
    """A value inside a sentence: texts in quotes, a change as before and after."""
    if isinstance(value, str):
        return f"“{value}”"
    if value is None:
        return "nothing"
    if isinstance(value, dict) and set(value) == {"old", "new"}:
        return f"{said(value['old'])} → {said(value['new'])}"
    return orjson.dumps(value, default=str).decode()


class Row(NamedTuple):
    key: str
    text: str
    is_long: bool


@register.filter
def rows(value: Any) -> list[Row]:
    """A JSON object as lines of a table; anything else as one line without a name."""
    if not isinstance(value, dict):
        return [] if value in (None, "", []) else [_row("", value)]
    return [_row(str(key), member) for key, member in value.items()]


def _row(key: str, value: Any) -> Row:
    if isinstance(value, dict | list) and value:
        return Row(key, pretty(value), True)
    text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    return Row(key, text, len(text) > _LONG or "\n" in text)


@register.filter
def operator_label(name: str) -> str:
    return (
        operators.registry.get(name).label if name in operators.registry else name.replace("_", " ")
    )


@register.filter
def at(links: dict[str, Any], key: str) -> Any:
    """What a dictionary holds under a name that a variable says."""
    return links.get(key) if key else None


@register.simple_tag(takes_context=True)
def query(context: dict[str, Any], **changes: Any) -> str:
    """The query string of this page with some values changed; None takes one away."""
    parameters = context["request"].GET.copy()
    for name, value in changes.items():
        parameters.pop(name, None)
        if value is not None:
            parameters[name] = str(value)
    return str(parameters.urlencode())
