"""All that we know of django-celery-beat: the entries that must exist, written after each migrate, and a scheduler that
goes on when the machine's clock jumps, the broker hangs or the database is away.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from functools import cached_property
from typing import Any

from django.db import InterfaceError, OperationalError
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

from config.lib import broker, wake
from executions import heartbeats

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 4.0  # with a broker that does not answer
STRANGE_SECONDS = 10.0  # `tick` is due each second: a first run that is further away than this means a clock set back


class SteadyEntry(ModelEntry):  # type: ignore[misc]  # the package has no types
    """An entry that last ran in the future, before the clock was set back, ran just now."""

    last_run_at: dt.datetime

    def is_due(self) -> Any:
        self.last_run_at = min(self.last_run_at, self._default_now())
        return super().is_due()


class SteadyScheduler(DatabaseScheduler):  # type: ignore[misc]
    """The original keeps the times of its next runs and waits for them, however far a clock that was set back is from
    them: after a jump of two hours it would not tick for two hours.
    """

    Entry = SteadyEntry
    _heap: list[Any] | None
    _schedule: dict[str, Any] | None
    _told_at = float("-inf")
    _is_unread = False  # the entries could not be read when they should have been

    @cached_property
    def connection(self) -> Any:
        """A tick that the broker does not confirm is sent again on a new connection."""
        return broker.connection(seconds=PATIENCE_SECONDS)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        self._tell()
        first = self._heap[0] if self._heap else None
        if first is not None and first.time > self._when(first.entry, STRANGE_SECONDS):
            self._heap = None  # made anew by asking each entry when it is due
        delay: float = super().tick(*args, **kwargs)
        return delay

    def all_as_schedule(self) -> dict[str, Any]:
        """Where the database cannot be read, the entries of the last time, and the next tick reads again."""
        try:
            found: dict[str, Any] = super().all_as_schedule()
        except (OperationalError, InterfaceError) as error:
            log.warning("the entries cannot be read now", extra={"why": str(error).strip()})
            self._is_unread = True
            return self._schedule or {}
        self._is_unread = False
        return found

    def schedule_changed(self) -> bool:
        return super().schedule_changed() or self._is_unread

    def _tell(self) -> None:
        """From inside the loop: a scheduler that hangs gives no sign."""
        now = time.monotonic()
        if now - self._told_at >= heartbeats.EVERY_SECONDS:
            self._told_at = now
            heartbeats.tell(heartbeats.SCHEDULER)


def ensure_entries(**_: Any) -> None:
    """Makes or repairs our entries; what an operator switched off stays off."""
    second, _created = IntervalSchedule.objects.get_or_create(
        every=1, period=IntervalSchedule.SECONDS
    )
    while_later, _created = IntervalSchedule.objects.get_or_create(
        every=10, period=IntervalSchedule.MINUTES
    )
    moment, _created = IntervalSchedule.objects.get_or_create(
        every=10, period=IntervalSchedule.SECONDS
    )
    _entry("tick", task="executions.tick", interval=second)
    _entry("prune", task="executions.prune", interval=while_later)
    _entry("mail alerts", task="executions.mail_alerts", interval=moment)


def _entry(name: str, **fields: Any) -> None:
    PeriodicTask.objects.update_or_create(
        name=f"triggerfish: {name}",
        defaults={**fields, "queue": "dispatch", "expire_seconds": wake.EXPIRES_SECONDS},
    )
