"""Hosts outside that failed."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import connection, models

from config.lib.ids import uuid7
from crm.models import Workspace

FASTEST = 50.0  # calls per second of a host that has come back
_TAKE_PLACE = """
    UPDATE agents_failinghost SET next_call_at = GREATEST(next_call_at, statement_timestamp())
        + make_interval(secs => 1 / COALESCE(return_rate, %s))
    WHERE id = %s AND is_returning
    RETURNING EXTRACT(epoch FROM next_call_at - statement_timestamp())"""


class FailingHostQuerySet(models.QuerySet["FailingHost"]):
    def away(self) -> FailingHostQuerySet:
        """Those that are not called now, and those whose held work is going back."""
        return self.filter(models.Q(open_until__isnull=False) | models.Q(is_returning=True))

    def take_probe(self, pk: Any, *, now: dt.datetime, until: dt.datetime) -> bool:
        """Whether this caller is the one that may ask the host again now; `until` for the next, should it die."""
        return self.filter(pk=pk, open_until__lte=now).update(open_until=until) == 1

    def heal(self, pk: Any) -> bool:
        """The host answered: its failures are forgotten, and what was held for it may go back."""
        mine = self.filter(models.Q(failures__gt=0) | models.Q(open_until__isnull=False), pk=pk)
        was_open = models.Q(open_until__isnull=False)
        returning = models.Case(
            models.When(was_open, then=models.Value(True)), default=models.F("is_returning")
        )
        return mine.update(failures=0, trips=0, is_returning=returning, open_until=None) == 1

    def take_place(self, pk: Any) -> float:
        """Seconds until this caller may call the host that has come back: one place every 1 / `return_rate` seconds, by
        the database's clock, so that callers of all processes together are no herd, also after a standstill.
        """
        with connection.cursor() as cursor:
            cursor.execute(_TAKE_PLACE, [FASTEST, pk])
            row = cursor.fetchone()
        return float(row[0]) if row else 0.0


class FailingHost(models.Model):
    """A host outside that failed a workspace's last calls; one that is well has no row.

    `open_until` set: it is away and not called before that moment, then by one run that is sent ahead.
    `is_returning`: it answered again, and the runs that were held for it go back little by little.
    Each workspace has rows of its own: what one does to a host is no other's business.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(
        Workspace, models.CASCADE, related_name="failing_hosts", db_index=False
    )
    host = models.CharField(max_length=300)  # "api.example.org:443"
    failures = models.PositiveIntegerField(default=0)  # in a row
    trips = models.PositiveSmallIntegerField(default=0)  # how often it was asked again in vain
    error = models.TextField(blank=True, default="")  # the last one
    failed_at = models.DateTimeField(null=True)
    away_since = models.DateTimeField(null=True)
    open_until = models.DateTimeField(null=True)
    is_returning = models.BooleanField(default=False)
    return_rate = models.FloatField(null=True)  # held runs per second that go back
    next_call_at = models.DateTimeField(null=True)  # the next free place of those that go back
    released_at = models.DateTimeField(null=True)  # when some went back, or one was sent ahead

    objects = FailingHostQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "host"], name="failing_host_once")
        ]

    def __str__(self) -> str:
        return self.host

    @property
    def name(self) -> str:
        """Without the port, as people say it."""
        return self.host.rpartition(":")[0] or self.host
