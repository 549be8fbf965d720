"""Sources that have to be watched: which listener holds each of them, how it goes, and what could not be read."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import models

from config.lib.ids import uuid7
from triggers.models.trigger import Trigger


class Listener(models.Model):
    """One `manage.py listen`, for as long as it is seen: it writes the time into its row once or twice a second."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200)  # host:pid
    started_at = models.DateTimeField(db_default=models.functions.Now())
    seen_at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        ordering = ["started_at"]

    def __str__(self) -> str:
        return self.name


class Watch(models.Model):
    """The listener's side of a trigger. `lease` is the listener that holds it, for as long as that one is seen.

    `state` is what the source needs to go on where it was, written in the transaction of the events that it stands for.
    A watch that fails again and again has put its trigger into error (`put_in_error`), and takes it out again.
    """

    trigger = models.OneToOneField(Trigger, models.CASCADE, primary_key=True, related_name="watch")
    lease = models.UUIDField(null=True, editable=False)
    taken_at = models.DateTimeField(null=True, editable=False)
    state = models.JSONField(default=dict, blank=True, editable=False)
    works_since = models.DateTimeField(null=True, editable=False)  # null: not connected
    failures = models.PositiveIntegerField(default=0, editable=False)  # in a row
    failing_since = models.DateTimeField(null=True, editable=False)
    last_error = models.TextField(blank=True, default="", max_length=2000, editable=False)
    put_in_error = models.BooleanField(default=False, editable=False)
    received = models.PositiveBigIntegerField(default=0, editable=False)
    last_event_at = models.DateTimeField(null=True, editable=False)
    note = models.TextField(
        blank=True, default="", db_default="", max_length=500, editable=False
    )  # it works, but not as it should: for whoever runs the installation
    lag_ms = models.PositiveBigIntegerField(null=True, editable=False)  # of the newest event
    waiting = models.PositiveBigIntegerField(
        null=True, editable=False
    )  # at the peer, where it says

    class Meta:
        indexes = [
            models.Index(fields=["lease"], name="watch_lease"),  # leases.beat, leases.claim
        ]

    def __str__(self) -> str:
        return f"watch of {self.trigger_id}"

    def lag(self) -> dt.timedelta | None:
        return None if self.lag_ms is None else dt.timedelta(milliseconds=self.lag_ms)


class WatchedFile(models.Model):
    """A file as it was when it was told of last, or when its trigger began. Times in nanoseconds.

    `path` is below the watched folder, in the bytes of the file system; `key` its hash, since a path may be longer than
    what an index takes. Written in the transaction of the events.
    """

    trigger = models.ForeignKey(
        Trigger, models.CASCADE, related_name="watched_files", db_index=False
    )  # leads watched_file_once
    key = models.UUIDField()
    path = models.BinaryField()
    inode = models.BigIntegerField()
    size = models.BigIntegerField()
    mtime = models.BigIntegerField()
    ctime = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["trigger", "key"], name="watched_file_once"),
        ]

    def __str__(self) -> str:
        return bytes(self.path).decode("utf-8", "replace")


class DeadLetter(models.Model):
    """A message that could not be made an event. `tries` below the bound: it will be tried again."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    trigger = models.ForeignKey(Trigger, models.CASCADE, related_name="dead_letters")
    key = models.CharField(max_length=100)  # of the message, at its queue
    tries = models.PositiveSmallIntegerField(default=0)
    is_dead = models.BooleanField(default=False)
    error = models.TextField(blank=True, default="", max_length=2000)
    headers = models.JSONField(default=dict)
    body = models.TextField(blank=True, default="")  # the beginning, as text
    size = models.PositiveBigIntegerField(default=0)  # of the whole body, in bytes
    at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["trigger", "key"], name="dead_letter_once"),
        ]
        indexes = [
            models.Index(
                fields=["trigger", "-id"],
                condition=models.Q(is_dead=True),
                name="dead_letter_newest",
            ),  # the page of a trigger
            models.Index(fields=["at"], name="dead_letter_age"),  # prune
        ]

    def __str__(self) -> str:
        return f"{self.key} ({self.tries} tries)"
