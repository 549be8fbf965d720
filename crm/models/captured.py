"""Changes that other programs made in our tables, until they have been told as events.

Only the function of `crm/sql/create_capture.sql` writes these rows, inside the transaction of the change;
`triggers.sources.database` takes them. Empty, and costing nothing, while capture is off.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Value
from django.db.models.functions import Left

from crm.models import snapshots

MAX_ATTEMPTS = 5


class CapturedChangeQuerySet(models.QuerySet["CapturedChange"]):
    def waiting(self) -> CapturedChangeQuerySet:
        """In the order of the changes, which of one row is the order of their commits. Index captured_waiting."""
        return self.filter(attempts__lt=MAX_ATTEMPTS).order_by("id")

    def is_any_waiting(self) -> bool:
        """By the index, in its order: after a great deal was told the table is full of dead rows for a while."""
        return self.waiting().values_list("pk", flat=True).first() is not None

    def put_aside(self) -> CapturedChangeQuerySet:
        """Those that could not be told, tried so often. Index captured_aside."""
        return self.filter(attempts__gte=MAX_ATTEMPTS)

    def count_attempt(self, pk: int, *, error: str) -> bool:
        """Whether it was the last one: the row is put aside."""
        said = snapshots.storable(error)
        self.filter(pk=pk).update(attempts=F("attempts") + 1, error=Left(Value(said), 500))
        return self.put_aside().filter(pk=pk).exists()

    def try_again(self) -> int:
        return self.put_aside().update(attempts=0)


class CapturedChange(models.Model):
    """One row that was inserted, updated or deleted. `before` and `after` are the whole row as jsonb, by column;
    `beside` the rows that its event shows too, as they were then: `{"contact": {...}, "form": {...}}`.
    """

    class Operation(models.TextChoices):
        INSERT = "INSERT"
        UPDATE = "UPDATE"
        DELETE = "DELETE"

    id = models.BigAutoField(primary_key=True)
    table = models.CharField(max_length=63)
    operation = models.CharField(max_length=6, choices=Operation)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    beside = models.JSONField(null=True)
    transaction = models.CharField(max_length=20, blank=True, default="")
    changed_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True, default="")

    objects = CapturedChangeQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["id"],
                condition=models.Q(attempts__lt=MAX_ATTEMPTS),
                name="captured_waiting",
            ),  # database.tell, health
            models.Index(
                fields=["id"], condition=models.Q(attempts__gte=MAX_ATTEMPTS), name="captured_aside"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.operation} {self.table}"
