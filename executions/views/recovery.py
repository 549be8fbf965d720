"""What bodies of replays and decisions say: read strictly, since a misread filter would run the wrong things."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from rest_framework import exceptions, serializers
from rest_framework.request import Request

from config.lib.registry import closest
from config.lib.rest import Filter, Invalid
from config.lib.rest.filtering import CommaSeparated, narrowed, parameters
from executions.resolving import Resolution
from executions.serializers.recovery import Decided, ReplayAsked

IDS = Filter("pk__in", CommaSeparated(serializers.UUIDField()))
_OPTIONS = ("filter", "dry_run", "limit", "include_replayed")


@dataclass(frozen=True, slots=True)
class Asked:
    """A replay that somebody wants. `filter`: names of the list's query, each with its text.

    Ids are taken at their word: they include what was replayed since.
    """

    filter: dict[str, str]
    dry_run: bool
    limit: int | None
    include_replayed: bool


def asked_for(request: Request) -> Asked:
    body = request.data if isinstance(request.data, dict) else {}
    query = parameters(request)
    options = ReplayAsked(data={**_options(query), **_options(body)})
    options.is_valid(raise_exception=True)
    given: dict[str, Any] = {
        **{name: value for name, value in {**query, **body}.items() if name not in _OPTIONS},
        **(options.validated_data.get("filter") or {}),
    }
    texts = {name: _text(value) for name, value in given.items()}
    return Asked(
        {name: text for name, text in texts.items() if text},
        options.validated_data["dry_run"],
        options.validated_data["limit"],
        options.validated_data["include_replayed"] or "ids" in texts,
    )


def chosen(
    rows: QuerySet[Any], filters: Mapping[str, Filter], asked: Mapping[str, str]
) -> QuerySet[Any]:
    """The rows that the filter finds. 400 where it names none, or what the list does not know."""
    known = {**filters, "ids": IDS}
    wrong: dict[str, Any] = {}
    if not asked:
        message = "Say which ones, by a filter such as status, or by their ids."
        raise Invalid(message, details={"filter": [message]})
    for name, text in asked.items():
        if name not in known:
            meant = closest(name, list(known))
            hint = f" Did you mean {meant!r}?" if meant else ""
            wrong[name] = [f"There is no such filter.{hint}"]
            continue
        rows = narrowed(rows, name, known[name], text, wrong=wrong)
    if wrong:
        raise exceptions.ValidationError(wrong)
    return rows


def decision(request: Request) -> tuple[Resolution, Any]:
    """What was decided, and the output that goes with it."""
    body = dict(request.data) if isinstance(request.data, dict) else {}
    for alias in ("decision", "resolution"):
        if alias in body:
            body.setdefault("action", body[alias])
    decided = Decided(data=body)
    decided.is_valid(raise_exception=True)
    return Resolution(decided.validated_data["action"]), decided.validated_data.get("output")


def _options(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: given[name] for name in _OPTIONS if name in given}


def _text(value: Any) -> str:
    """As it would stand in a query."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(_text(one) for one in value)
    return "" if value is None else str(value)
