"""Filters that lists of the past share: time, status, and the ids of what took part."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.db.models import Q, QuerySet
from rest_framework import serializers

from config.lib import ids
from config.lib.rest import CommaSeparated, Filter
from executions.models import Status
from executions.models.reason import labels

# Rows get their id a moment before or after the database's clock is read, on a clock of their own.
_CLOCKS_DIFFER = dt.timedelta(hours=1)
STATUS_ALIASES = {"success": "completed", "timeout": "timed_out", "failure": "failed"}


class Word(serializers.ChoiceField):
    """One of some names; aliases are understood."""

    def __init__(self, names: list[str], *, aliases: dict[str, str] | None = None) -> None:
        super().__init__(choices=names)
        self._aliases = aliases or {}

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value(self._aliases.get(str(data).lower(), data))


def since(column: str) -> Callable[[QuerySet[Any], dt.datetime], QuerySet[Any]]:
    """Not before; the bound on the id lets the database begin where the time does."""

    def narrow(queryset: QuerySet[Any], at: dt.datetime) -> QuerySet[Any]:
        lowest = ids.floor(max(at, _EPOCH + _CLOCKS_DIFFER) - _CLOCKS_DIFFER)
        return queryset.filter(**{f"{column}__gte": at, "pk__gte": lowest})

    return narrow


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def times(column: str) -> dict[str, Filter]:
    """`since` and `until`, with the names that others use for them."""
    early = Filter(field=serializers.DateTimeField(), apply=since(column), description="From, ISO")
    late = Filter(f"{column}__lte", serializers.DateTimeField(), description="Until, ISO")
    return {"since": early, "start_date": early, "until": late, "end_date": late}


def execution_filters() -> dict[str, Filter]:
    agent = Filter("agent_id", serializers.UUIDField())
    return {
        "status": Filter(
            "status__in",
            CommaSeparated(Word(list(Status.values), aliases=STATUS_ALIASES)),
            description="One or more, by commas; success and timeout are understood.",
        ),
        "reason": Filter("reason__in", CommaSeparated(Word(list(labels())))),
        "trigger_id": Filter(field=serializers.UUIDField(), apply=_of_trigger),
        "agent_id": agent,
        "pipeline_id": agent,
        "trigger_type": Filter(
            apply=_of_type, description="`event`, or as it is answered: `event: contact_created`."
        ),
        "event_id": Filter("event_id", serializers.UUIDField()),
        "subject": Filter("event__subject", description="`contact:<id>`, `deal:<id>`"),
        "error": Filter(
            apply=_with_error, description="The error's type, or words of its message."
        ),
        "is_test": Filter("is_test", serializers.BooleanField()),
        **times("created_at"),
    }


def _of_trigger(queryset: QuerySet[Any], pk: Any) -> QuerySet[Any]:
    """History outlives its trigger."""
    return queryset.filter(Q(trigger_id=pk) | Q(trigger_id=None, listener_id=pk))


def _of_type(queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
    return queryset.filter(Q(trigger_type=text) | Q(trigger_type__startswith=f"{text}:"))


def _with_error(queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
    return queryset.filter(Q(error__type=text) | Q(error_message__icontains=text))
