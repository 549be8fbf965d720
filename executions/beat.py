"""All that we know of django-celery-beat: the entries that must exist, written after each migrate."""

from __future__ import annotations

from typing import Any

from django_celery_beat.models import IntervalSchedule, PeriodicTask

TICK_EXPIRES_SECONDS = 2


def ensure_entries(**_: Any) -> None:
    """Makes or repairs our entries; what an operator switched off stays off."""
    second, _created = IntervalSchedule.objects.get_or_create(
        every=1, period=IntervalSchedule.SECONDS
    )
    hour, _created = IntervalSchedule.objects.get_or_create(every=1, period=IntervalSchedule.HOURS)
    _entry("tick", task="executions.tick", interval=second, expire_seconds=TICK_EXPIRES_SECONDS)
    _entry("prune", task="executions.prune", interval=hour, expire_seconds=600)


def _entry(name: str, **fields: Any) -> None:
    PeriodicTask.objects.update_or_create(
        name=f"triggerfish: {name}", defaults={**fields, "queue": "dispatch"}
    )
