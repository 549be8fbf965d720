"""Go on later. The run gives its place back meanwhile; nothing sleeps."""

from __future__ import annotations

import datetime as dt
from typing import Any

from agents import actions, params
from agents.actions import ActionFailed, Effect, Scene, Wait
from config.lib import json
from crm.models import Workspace

MAX_DAYS = 366
_SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86_400}


def _span(unit: str) -> dict[str, Any]:
    longest = MAX_DAYS * 86_400 // _SECONDS[unit]
    return {"type": "number", "title": unit.capitalize(), "minimum": 0, "maximum": longest}


SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        **{unit: _span(unit) for unit in _SECONDS},
        "until": {
            "type": "string",
            "title": "Until",
            "description": "Instead of a span: a date or a time, UTC unless it says so. One in the past does not wait.",
            "format": "date-time",
        },
    },
    "additionalProperties": False,
}


def check(values: dict[str, Any], workspace: Workspace) -> dict[str, str]:
    spans = [unit for unit in _SECONDS if values.get(unit)]
    if not spans and not values.get("until"):
        return {"": "Say how long: seconds, minutes, hours, days, or until when."}
    if spans and values.get("until"):
        return {"until": "Give a span or a time, not both."}
    return {}


@actions.register(
    name="wait",
    label="Wait",
    description="Goes on with the next step after some time. Spans add up: 1 day and 6 hours are 30 hours.",
    schema=SCHEMA,
    effect=Effect.NONE,
    check=check,
    icon="hourglass_top",
    output_sample={"waited_until": "2026-11-03T09:30:00.000000Z"},
)
async def perform(scene: Scene, values: dict[str, Any]) -> dict[str, Any]:
    now = dt.datetime.now(dt.UTC)
    until = _until(values, began_at=scene.started_at or now)
    if until > now:
        raise Wait(until)
    return {"waited_until": json.timestamp(until)}


def _until(values: dict[str, Any], *, began_at: dt.datetime) -> dt.datetime:
    """Counted from when the step first began, so that the pass which comes back finds the time gone by."""
    until = params.moment(values, "until")
    if until is None:
        spans = {
            unit: params.number(values, unit, minimum=0, maximum=MAX_DAYS * 86_400)
            for unit in _SECONDS
        }
        until = began_at + dt.timedelta(**{unit: amount or 0 for unit, amount in spans.items()})
    if until - began_at > dt.timedelta(days=MAX_DAYS):
        raise ActionFailed(f"A run waits {MAX_DAYS} days at most.")
    return until
