"""When a trigger of type `cron` fires next, and what became of its last fires."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from triggers.models.trigger import Trigger


class Schedule(models.Model):
    """The clock's side of a trigger: all that firing needs, so that a due row is read by itself and locked alone.

    What stands in the trigger's configuration is repeated here by `triggers.schedules.follow`, in the transaction of
    the change. `next_slot_at` is the moment that the expression names, `next_fire_at` is that with the jitter; both
    null where nothing comes: paused, in error, or past its end. `missed` counts since the last fire, `missed_total`
    for good.
    """

    trigger = models.OneToOneField(
        Trigger, models.CASCADE, primary_key=True, related_name="schedule"
    )
    cron_expression = models.CharField(max_length=200)
    timezone = models.CharField(max_length=100)
    catch_up = models.CharField(max_length=10)
    jitter_seconds = models.PositiveIntegerField(default=0)
    starts_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    next_slot_at = models.DateTimeField(null=True)
    next_fire_at = models.DateTimeField(null=True)
    last_slot_at = models.DateTimeField(null=True)
    last_fired_at = models.DateTimeField(null=True)
    missed = models.PositiveBigIntegerField(default=0)
    missed_before_last = models.PositiveBigIntegerField(default=0)
    missed_total = models.PositiveBigIntegerField(default=0)

    class Meta:
        indexes = [
            models.Index(
                fields=["next_fire_at"],
                condition=Q(next_fire_at__isnull=False),
                name="schedule_due",
            ),  # schedules.fire_due
        ]

    def __str__(self) -> str:
        return f"{self.cron_expression} {self.timezone}"

    @property
    def lateness_ms(self) -> int | None:
        """How long after its moment the last fire was recorded; with the jitter that was asked for."""
        if self.last_fired_at is None or self.last_slot_at is None:
            return None
        return round((self.last_fired_at - self.last_slot_at).total_seconds() * 1000)

    @property
    def lateness_said(self) -> str:
        """The same for people: `0.4 s`."""
        return "" if self.lateness_ms is None else f"{self.lateness_ms / 1000:,.1f} s"
