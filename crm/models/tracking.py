"""Rows that know what a save changed, and querysets that tell what they wrote.

Row 1 of the path of an event: every write opens `atomic()`, so that Django's `post_save` and our `rows_changed` come
inside the row's own transaction, and reads the old values under the row's lock, so that they are right when two
writers meet. The transaction has no savepoint of its own: a receiver that fails takes the row with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Literal, Self, TypeVar, cast

from django.db import models, router, transaction

from crm import signals
from crm.models import snapshots
from crm.models.snapshots import Changes, Values

CHUNK = 500  # rows that a bulk write locks, writes and tells at a time, and so holds in memory

Row = TypeVar("Row", bound="TrackedModel")


class TrackedQuerySet(models.QuerySet[Row]):
    """Bulk writes send `rows_changed` in their own transaction; `quietly()` makes those that must not be news."""

    _is_quiet = False

    def quietly(self) -> Self:
        """The same rows, whose bulk writes tell nobody: no event comes of them."""
        quiet = self.all()
        quiet._is_quiet = True
        return quiet

    def _clone(self) -> Self:
        clone: Self = super()._clone()  # type: ignore[misc]  # not in the stubs
        clone._is_quiet = self._is_quiet
        return clone

    def bulk_create(
        self,
        objs: Iterable[Row],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        update_fields: Collection[str] | None = None,
        unique_fields: Collection[str] | None = None,
    ) -> list[Row]:
        """As Django's, in INSERTs of at most CHUNK rows. Conflicts cannot be ignored or updated."""
        if ignore_conflicts or update_conflicts or update_fields or unique_fields:
            raise NotImplementedError(
                f"{self.model.__name__}.objects.bulk_create cannot ignore or update conflicts: nobody could tell "
                "which rows are new, so their events would be wrong. Use update_or_create, or leave out what exists."
            )
        self._for_write = True
        rows = list(objs)
        for row in rows:
            snapshots.make_storable(row)
        with transaction.atomic(using=self.db, savepoint=False):
            super().bulk_create(rows, batch_size=batch_size or CHUNK)
            _settle(rows, using=self.db)
            for row in rows:
                row.note_write((), before={})
            self._tell("created", rows)
        return rows

    def update(self, **values: Any) -> int:
        """As Django's, CHUNK rows at a time; tells the rows whose tracked fields changed."""
        fields = snapshots.named(snapshots.tracked(self.model), values)
        values = {name: snapshots.storable(value) for name, value in values.items()}
        if self._is_quiet or not fields or not self._is_plain():
            return super().update(**values)  # refuses slices and unions itself
        count = 0
        self._for_write = True
        with transaction.atomic(using=self.db, savepoint=False):
            for locked in self._locked(no_key=True):
                before = {row.pk: snapshots.values_of(row, fields) for row in locked}
                count += self.filter(pk__in=list(before)).quietly().update(**values)
                rows = self._after_update(locked, values)
                for row in rows:
                    row.note_write(fields, before=before[row.pk])
                self._tell("updated", [row for row in rows if row.changes()])
        self._result_cache = None
        return count

    def bulk_update(
        self, objs: Iterable[Row], fields: Iterable[str], batch_size: int | None = None
    ) -> int:
        """As Django's, which calls `update`, where it is told."""
        rows = list(objs)
        for row in rows:
            snapshots.make_storable(row)
        return super().bulk_update(rows, fields, batch_size=min(batch_size or CHUNK, CHUNK))

    def delete(self) -> tuple[int, dict[str, int]]:
        """As Django's, CHUNK rows at a time."""
        if self._is_quiet or not self._is_plain() or self._is_partial():
            return super().delete()  # refuses what cannot be deleted itself
        deleted: Counter[str] = Counter()
        self._for_write = True
        with transaction.atomic(using=self.db, savepoint=False):
            for rows in self._locked(no_key=False):
                chunk = self._everything().filter(pk__in=[row.pk for row in rows])
                deleted.update(chunk.quietly().delete()[1])
                self._tell("deleted", rows)
        self._result_cache = None
        return deleted.total(), dict(deleted)

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]  # else the manager would have it too

    def _is_plain(self) -> bool:
        return not (self.query.is_sliced or self.query.combinator)

    def _everything(self) -> TrackedQuerySet[Row]:
        return cast("TrackedQuerySet[Row]", self.model._base_manager.using(self.db))

    def _is_partial(self) -> bool:
        """After `values()` or `distinct("field")`."""
        return self._fields is not None or bool(self.query.distinct_fields)  # type: ignore[attr-defined]

    def _locked(self, *, no_key: bool) -> Iterator[list[Row]]:
        """The rows in the order of their keys, in lists of at most CHUNK, each row locked as it is read."""
        rows = self._lockable().select_for_update(of=("self",), no_key=no_key)
        page = rows
        while found := list(page[:CHUNK]):
            yield list({row.pk: row for row in found}.values())  # a join may show a row twice
            if len(found) < CHUNK:
                return
            page = rows.filter(pk__gt=found[-1].pk)

    def _lockable(self) -> TrackedQuerySet[Row]:
        """These rows, asked in a way that PostgreSQL can lock: no DISTINCT, no GROUP BY, whole rows."""
        query = self.query
        if self._fields is not None or query.distinct or query.annotations or query.extra:  # type: ignore[attr-defined]
            rows = self._everything().filter(pk__in=self.order_by().values("pk"))
        else:
            rows = self.select_related(None).prefetch_related(None).defer(None)
        rows = rows.order_by("pk")
        rows.query.standard_ordering = True
        return rows

    def _after_update(self, rows: list[Row], values: Values) -> list[Row]:
        """The locked rows with their new values, read again only where the database computed them."""
        if any(hasattr(value, "resolve_expression") for value in values.values()):
            again = self._everything().in_bulk([row.pk for row in rows])
            return list(again.values())
        for row in rows:
            for name, value in values.items():
                field = self.model._meta.get_field(name)
                is_row = isinstance(value, models.Model)
                setattr(row, field.name if is_row else field.attname, value)  # type: ignore[union-attr]
        return rows

    def _tell(self, kind: Literal["created", "updated", "deleted"], rows: Sequence[Row]) -> None:
        if self._is_quiet:
            return
        for start in range(0, len(rows), CHUNK):
            signals.rows_changed.send(
                sender=self.model, kind=kind, rows=rows[start : start + CHUNK]
            )


def _settle(rows: Sequence[TrackedModel], *, using: str | None) -> None:
    """Replaces expressions, which the database has computed meanwhile, by their values; one query per CHUNK."""
    unsettled = {row.pk: row for row in rows if snapshots.expressions(row)}
    keys = list(unsettled)
    for start in range(0, len(keys), CHUNK):
        every = type(rows[0])._base_manager.using(using)
        for pk, stored in every.in_bulk(keys[start : start + CHUNK]).items():
            for field in snapshots.expressions(unsettled[pk]):
                setattr(unsettled[pk], field.attname, getattr(stored, field.attname))


class TrackedModel(models.Model):
    """Base of the rows whose changes are events. Each has `objects`, made from a TrackedQuerySet of its own."""

    class Meta:
        abstract = True
        base_manager_name = (
            "objects"  # so that related managers and cascades pass through TrackedQuerySet
        )

    def save(self, *args: Any, **kwargs: Any) -> None:
        """As Django's, always in a transaction. A new row costs no further query, an old one the SELECT that locks."""
        using = kwargs.get("using") or router.db_for_write(type(self), instance=self)
        with transaction.atomic(using=using, savepoint=False):
            super().save(*args, **kwargs)

    def changes(self) -> Changes:
        """What the last write of this instance changed, right from `post_save` on: `{field: (old, new)}`.

        Foreign keys as ids under their field's name. Empty for a new row.
        """
        return dict(self.__dict__.get("_changes", {}))

    def stored(self) -> Values:
        """The row as its last write left it, by field name: also the fields that this instance did not write.

        Values are the database's (Decimal, date, ids), however they were assigned. Of an instance that was only read,
        as it was read.
        """
        written: Values | None = self.__dict__.get("_stored")
        return (
            dict(written) if written else snapshots.values_of(self, snapshots.columns(type(self)))
        )

    def note_write(self, fields: Collection[snapshots.Field], *, before: Values) -> None:
        """Called by the querysets: this instance holds what was written now; `before` are the fields' old values."""
        self._stored = snapshots.values_of(self, snapshots.columns(type(self)))
        self._changes = snapshots.difference(fields, before, self._stored)

    def _save_table(
        self,
        raw: bool = False,
        cls: type[models.Model] | None = None,
        force_insert: bool = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Collection[str] | None = None,
    ) -> bool:
        # The one place of Django after the decision what will be written and before post_save, which wants `changes()`.
        model = type(self)
        fields = snapshots.named(snapshots.tracked(model), update_fields)
        is_new = raw or force_insert or (self._state.adding and not force_update)
        before = {} if is_new or not fields else self._lock(using)
        snapshots.make_storable(self)
        updated: bool = super()._save_table(  # type: ignore[misc]  # not in the stubs
            raw, cls, force_insert, force_update, using, update_fields
        )
        _settle([self], using=using)
        written = snapshots.named(snapshots.columns(model), update_fields)
        after = {**before, **snapshots.values_of(self, written)}
        self._stored = after
        self._changes = snapshots.difference(fields, before, after) if before and updated else {}
        return updated

    def delete(
        self, using: str | None = None, keep_parents: bool = False
    ) -> tuple[int, dict[str, int]]:
        """As Django's; a row that somebody else deleted meanwhile counts as 0 and tells nobody."""
        using = using or router.db_for_write(type(self), instance=self)
        with transaction.atomic(using=using, savepoint=False):
            if self.pk is not None:
                self._stored = self._lock(using, no_key=False)
                if not self._stored:
                    return 0, {}
            return super().delete(using=using, keep_parents=keep_parents)

    def _lock(self, using: str | None, *, no_key: bool = True) -> Values:
        """The row as it is stored now, locked until the end of the transaction; empty where it is gone."""
        fields = snapshots.columns(type(self))
        rows = type(self)._base_manager.using(using).filter(pk=self.pk).order_by()
        found = rows.select_for_update(no_key=no_key).values_list(
            *(field.attname for field in fields)
        )
        return next(
            (dict(zip([field.name for field in fields], row, strict=True)) for row in found), {}
        )
