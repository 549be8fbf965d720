"""Schedules: a trigger that the clock fires. When is `triggers.cron`'s matter, firing that of `triggers.schedules`."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.conf import settings
from django.db.models.signals import post_save
from django.dispatch import receiver

from config.lib import clock
from crm.models import Workspace
from triggers import catching_up, cron, event_types, schedules
from triggers.models import Trigger
from triggers.sources import Config, Problems, Source, register

_WHOLE = {"type": "integer"}
CRON = event_types.register(
    schedules.TYPE,
    label="Schedule",
    group="Schedule",
    source=schedules.TYPE,
    schema={
        "type": "object",
        "properties": {
            "execution_time": {"type": "string", "title": "Fired at"},
            "scheduled_for": {"type": "string", "title": "Planned for"},
            "source": {"type": "string", "title": "Source"},
            "cron_expression": {"type": "string", "title": "Cron expression"},
            "timezone": {"type": "string", "title": "Time zone"},
            "missed": {**_WHOLE, "title": "Missed before"},
            "schedule": {
                "type": "object",
                "title": "Local time",
                "properties": {
                    "local_time": {"type": "string", "title": "Local time"},
                    "date": {"type": "string", "title": "Date"},
                    "time": {"type": "string", "title": "Time"},
                    "year": {**_WHOLE, "title": "Year"},
                    "month": {**_WHOLE, "title": "Month"},
                    "day": {**_WHOLE, "title": "Day"},
                    "hour": {**_WHOLE, "title": "Hour"},
                    "minute": {**_WHOLE, "title": "Minute"},
                    "weekday": {**_WHOLE, "title": "Weekday, 1 is Monday"},
                    "weekday_name": {"type": "string", "title": "Weekday's name"},
                },
            },
        },
    },
    sample=schedules.payload(
        "0 9 * * MON-FRI",
        "UTC",
        slot=dt.datetime(2026, 1, 5, 9, tzinfo=dt.UTC),
        now=dt.datetime(2026, 1, 5, 9, tzinfo=dt.UTC),
        missed=0,
    ),
)


class CronSource(Source):
    trigger_type = schedules.TYPE
    label = "Schedule"
    description = "Runs at certain times: every five minutes, on weekdays at nine, on the last day of the month."
    preview = "/api/v1/triggers/validate-cron"
    top_level = ("cron_expression", "timezone", "catch_up", "overlap")
    config_schema = {
        "type": "object",
        "properties": {
            "cron_expression": {
                "type": "string",
                "title": "Cron expression",
                "description": "Minute, hour, day of the month, month, day of the week: 0 9 * * MON-FRI is weekdays at "
                "nine. Also @hourly, @daily, @weekly, @monthly, @yearly.",
                "minLength": 1,
                "maxLength": cron.MAX_LENGTH,
            },
            "timezone": {
                "type": "string",
                "title": "Time zone",
                "description": "Such as Europe/Berlin; summer time is followed.",
                "default": "UTC",
                "maxLength": 100,
            },
            "catch_up": {
                "enum": ["latest", "all", "none"],
                "title": "After a standstill",
                "description": "What was missed while the system stood still: the latest unless it is too old, "
                "all, or none.",
                "default": "latest",
            },
            "overlap": {
                "enum": ["queue", "skip"],
                "title": "While an earlier run goes on",
                "description": "queue: the next one waits or runs beside it; skip: it is left out.",
                "default": "queue",
            },
            "jitter_seconds": {
                "type": "integer",
                "title": "Spread over seconds",
                "description": "Each fire comes up to so many seconds later, so that not all begin at once.",
                "minimum": 0,
                "maximum": 3600,
                "default": 0,
            },
            "starts_at": {
                "type": "string",
                "title": "Not before",
                "description": "A day or a time, such as 2026-12-01 or 2026-12-01T08:00, in the time zone above.",
                "maxLength": 40,
            },
            "ends_at": {
                "type": "string",
                "title": "Not after",
                "description": "A day (to its end) or a time.",
                "maxLength": 40,
            },
        },
        "required": ["cron_expression"],
        "additionalProperties": False,
    }

    def check_further(self, config: Config, *, workspace: Workspace) -> Problems:
        problems = check_times(config["cron_expression"], config.get("timezone", "UTC"))
        return problems or _check_span(config)

    def warnings(self, config: Config) -> list[str]:
        end = schedules.moment_of(config.get("ends_at"), config.get("timezone", "UTC"), is_end=True)
        if end is not None and end < clock.reckoned():
            return ["Its end has passed: it does not fire any more."]
        return []

    def topic(self, config: Config, *, trigger_id: uuid.UUID) -> str:
        return schedules.topic(trigger_id)

    def describe(self, config: Config, *, event_type: str | None = None) -> str:
        return schedules.TYPE

    def payload_schema(self, config: Config) -> dict[str, Any]:
        return CRON.schema

    def sample_type(self, config: Config) -> str:
        return CRON.name

    def sample(self, config: Config) -> dict[str, Any]:
        """As if it fired now."""
        now = clock.reckoned().replace(microsecond=0)
        return schedules.payload(
            config["cron_expression"], config.get("timezone", "UTC"), slot=now, now=now, missed=0
        )


def check_given(expression: Any, zone: Any) -> Problems:
    """`check_times` of values that may be anything."""
    problems: Problems = {}
    if not isinstance(expression, str) or not expression.strip():
        problems["cron_expression"] = ["Give a cron expression, such as 0 9 * * MON-FRI."]
    if not isinstance(zone, str):
        problems["timezone"] = ["Give a time zone, such as Europe/Berlin."]
    return problems or check_times(expression, zone)


def check_stored(config: Config) -> Problems:
    """`check_times` of a trigger that was right when it was saved: time zones come and go."""
    return check_given(config.get("cron_expression"), config.get("timezone", "UTC"))


def check_times(expression: str, zone: str) -> Problems:
    """What is wrong with an expression or its zone, by field."""
    try:
        schedule = cron.read(expression, zone)
    except cron.UnknownZone as error:
        return {"timezone": [str(error)]}
    except cron.InvalidCron as error:
        return {"cron_expression": [str(error)]}
    shortest = cron.shortest_minutes(schedule)
    least = settings.CRON_MIN_MINUTES
    if shortest is not None and shortest < least:
        said = f"it fires every {shortest} minutes; the least distance is {least} minutes."
        return {"cron_expression": [str(cron.InvalidCron(expression, said))]}
    return {}


def _check_span(config: Config) -> Problems:
    zone = config.get("timezone", "UTC")
    moments: dict[str, dt.datetime | None] = {}
    for name in ("starts_at", "ends_at"):
        try:
            moments[name] = schedules.moment_of(config.get(name), zone, is_end=name == "ends_at")
        except (ValueError, OverflowError):
            return {name: ["Give a day or a time, such as 2026-12-01 or 2026-12-01T08:00."]}
    start, end = moments["starts_at"], moments["ends_at"]
    schedule = cron.read(config["cron_expression"], zone)
    if end is not None:
        first = cron.following(schedule, start - dt.timedelta(microseconds=1) if start else _EPOCH)
        if first is None or first > end:
            return {"ends_at": ["It would never fire: the end comes before the first time."]}
    shortest = cron.shortest_minutes(schedule)
    if shortest and config.get("jitter_seconds", 0) >= shortest * 60:
        return {
            "jitter_seconds": [
                f"Spread it over less than {shortest * 60} seconds: then the next one comes."
            ]
        }
    return {}


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def preview(expression: str, zone: str, *, now: dt.datetime, count: int = 5) -> dict[str, Any]:
    """In words, and the next fires by both clocks: `{"description", "next": [{"local", "utc"}]}`.

    Call `check_times` before.
    """
    schedule = cron.read(expression, zone)
    found = catching_up.first_fires(schedule, after=now, ends_at=None, count=count)
    return {
        "description": cron.explain(schedule),
        "next": [
            {"local": one.astimezone(cron.zone_of(zone)).isoformat(), "utc": one} for one in found
        ],
    }


@receiver(post_save, sender=Trigger, dispatch_uid="triggers.schedule_follows")
def trigger_saved(instance: Trigger, *, raw: bool, **_: Any) -> None:
    if not raw and (instance.trigger_type == schedules.TYPE or hasattr(instance, "schedule")):
        schedules.follow(instance)


register(CronSource())
