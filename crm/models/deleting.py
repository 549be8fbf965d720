"""Rows whose deletion is announced before the first lock is taken: others keep locks that come first in the order of
the house.
"""

from __future__ import annotations

from typing import TypeVar

from django.db import models, transaction

from crm.signals import about_to_lock

Row = TypeVar("Row", bound=models.Model)


class AnnouncedQuerySet(models.QuerySet[Row]):
    def delete(self) -> tuple[int, dict[str, int]]:
        with transaction.atomic():
            about_to_lock.send(self.model, rows=self, deleting=True)
            return super().delete()

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]  # else the manager would have it too


class AnnouncedModel(models.Model):
    class Meta:
        abstract = True

    def delete(
        self, using: str | None = None, keep_parents: bool = False
    ) -> tuple[int, dict[str, int]]:
        with transaction.atomic():
            rows = type(self)._base_manager.filter(pk=self.pk)
            about_to_lock.send(type(self), rows=rows, deleting=True)
            return super().delete(using=using, keep_parents=keep_parents)
