"""Changes that other programs made in the database -> the events that the same changes made by us would be.

`manage.py capture_writes on` has PostgreSQL write them down (`crm.capture`); `tick` calls `tell` every second. A batch
of captured rows becomes events and is deleted in one transaction, by one process at a time, so each is told once, and
those of one record in their order. A batch that raises is repeated one row at a time; what fails five times alone is
put aside with its error, and the others go on.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import connection, models, transaction
from django.db.models import TextField
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast

from config.lib.json import timestamp
from config.lib.locks import Lock
from config.lib.passing import is_passing
from crm.models import (
    CapturedChange,
    Contact,
    Form,
    FormSubmission,
    Membership,
    Opportunity,
    Workspace,
    snapshots,
)
from crm.models.tracking import TrackedModel
from triggers import events
from triggers.events import Draft
from triggers.sources import user
from triggers.sources.crm import drafts

log = logging.getLogger(__name__)

SOURCE = "database"
BATCH = 500  # changes of one transaction
SECONDS = 2.0  # of one tick; the next one goes on
_BY = "system"
_KINDS = {"INSERT": "created", "UPDATE": "updated", "DELETE": "deleted"}
_COLUMNS = ("before", "after", "beside")
# The same without free JSON, which may be nested deeper than Python reads; its sum still shows that it changed.
_FLAT = """(SELECT jsonb_object_agg(key, CASE WHEN jsonb_typeof(value) IN ('object', 'array')
    THEN jsonb_build_object('truncated', md5(value::text)) ELSE value END)::text
    FROM jsonb_each(crm_capturedchange.{}))"""
_FLAT_BESIDE = "(beside #- '{contact,custom}' #- '{form,fields}' #- '{form,origins}')::text"
_FLATTENED = (_FLAT.format("before"), _FLAT.format("after"), _FLAT_BESIDE)

Row = TypeVar("Row", bound=models.Model)
Tracked = TypeVar("Tracked", bound=TrackedModel)
TellStuck = Callable[[uuid.UUID, str], None]
Columns = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Change:
    """A captured row as it was read; `before` and `after` by column."""

    pk: int
    table: str
    operation: str
    transaction: str
    changed_at: dt.datetime
    before: Columns | None
    after: Columns | None
    beside: Columns | None

    @property
    def workspace_id(self) -> uuid.UUID:
        return uuid.UUID((self.after or self.before or {})["workspace_id"])


def tell(*, seconds: float = SECONDS, tell_stuck: TellStuck | None = None) -> int:
    """Tells what waits, for `seconds` at most; answers how many changes. One query where nothing does.

    `tell_stuck(workspace_id, message)` hears of each change that is put aside.
    """
    until = time.monotonic() + seconds
    total = 0
    while CapturedChange.objects.is_any_waiting() and (not total or time.monotonic() < until):
        try:
            count = _batch()
        except Exception as error:
            if is_passing(error):
                log.info("captured changes wait", extra={"why": str(error).strip()})
                return total
            log.exception("captured changes could not be told, trying them one at a time")
            return total + _one_by_one(tell_stuck)
        total += count
        if not count:  # another process tells
            break
    return total


def _batch(*, pk: int | None = None, flat: bool = False) -> int:
    """Five statements for changes of contacts and deals, however many. Answers how many changes it took."""
    with transaction.atomic():
        if not _is_my_turn():
            return 0
        changes = _read(pk=pk, flat=flat)
        known = set(
            Workspace.objects.filter(
                pk__in={change.workspace_id for change in changes}
            ).values_list("pk", flat=True)
        )  # of a workspace that is gone nobody hears
        told = [change for change in changes if change.workspace_id in known]
        events.emit_many([draft for change in told for draft in _drafts(change)])
        CapturedChange.objects.filter(pk__in=[change.pk for change in changes]).delete()
    return len(changes)


def _is_my_turn() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [Lock.TELL_CAPTURED.value])
        return bool((cursor.fetchone() or (False,))[0])


def _read(*, pk: int | None, flat: bool) -> list[_Change]:
    rows = CapturedChange.objects.waiting()
    if pk is not None:
        rows = rows.filter(pk=pk)
    texts = (
        [RawSQL(flattened, (), TextField()) for flattened in _FLATTENED]  # noqa: S611 - of our own words
        if flat
        else [Cast(name, TextField()) for name in _COLUMNS]
    )
    found = rows.values_list("pk", "table", "operation", "transaction", "changed_at", *texts)
    return [
        _Change(*row[:5], *(None if text is None else json.loads(text) for text in row[5:]))
        for row in found[:BATCH]
    ]


def _one_by_one(tell_stuck: TellStuck | None) -> int:
    done = 0
    for pk in list(CapturedChange.objects.waiting().values_list("pk", flat=True)[:BATCH]):
        try:
            done += _alone(pk)
        except Exception as error:
            if is_passing(error):
                return done
            said = f"{type(error).__name__}: {error}"
            log.exception("a captured change could not be told", extra={"captured": pk})
            if CapturedChange.objects.count_attempt(pk, error=said) and tell_stuck:
                _tell_stuck(pk, tell_stuck)
    return done


def _alone(pk: int) -> int:
    try:
        return _batch(pk=pk)
    except RecursionError:
        return _batch(pk=pk, flat=True)


def _tell_stuck(pk: int, tell_stuck: TellStuck) -> None:
    (change,) = CapturedChange.objects.filter(pk=pk).values_list(
        "table", "operation", "after__workspace_id", "before__workspace_id"
    )
    table, operation, after, before = change
    workspace = Workspace.objects.filter(pk=after or before).first()
    if workspace is not None:
        tell_stuck(workspace.pk, f"{operation} {table}")


# --- one change -> its events ---------------------------------------------------------------------------


def _drafts(change: _Change) -> list[Draft]:
    made = _OF_TABLE[change.table](change)
    return [
        replace(
            draft,
            source=SOURCE,
            actor=_BY,
            occurred_at=change.changed_at,
            # With its time: numbers begin anew where the table was made anew.
            dedupe_key=f"{change.pk}@{timestamp(change.changed_at)}:{_name(draft)}",
            correlation_id=f"database-{change.transaction}",
        )
        for draft in made
    ]


def _name(draft: Draft) -> str:
    return draft.type if isinstance(draft.type, str) else draft.type.name


def _of_contact(change: _Change) -> list[Draft]:
    return drafts.of_contacts(_KINDS[change.operation], [_tracked(Contact, change)], by=_BY)


def _of_deal(change: _Change) -> list[Draft]:
    deal = _tracked(Opportunity, change)
    if contact := _beside(Contact, "contact", change):
        deal.contact = contact
    return drafts.of_deals(_KINDS[change.operation], [deal], by=_BY)


def _of_submission(change: _Change) -> list[Draft]:
    """Strangers wrote what is in it, whichever program stored it."""
    submission = _row(FormSubmission, change.after or {}, at=change.changed_at)
    if submission.is_spam:
        return []
    submission.form = _beside(Form, "form", change) or _stored(Form, submission.form_id)
    contact = _beside(Contact, "contact", change)
    submission.contact = contact or _stored(Contact, submission.contact_id)
    return [replace(drafts.of_submission(submission), verified=False)]


def _of_membership(change: _Change) -> list[Draft]:
    return user.of_roles([_tracked(Membership, change)], by=_BY)


_OF_TABLE: dict[str, Callable[[_Change], list[Draft]]] = {
    "crm_contact": _of_contact,
    "crm_opportunity": _of_deal,
    "crm_formsubmission": _of_submission,
    "crm_membership": _of_membership,
}


# --- jsonb -> rows --------------------------------------------------------------------------------------


def _tracked(model: type[Tracked], change: _Change) -> Tracked:
    """The row after the change (before it, where it was deleted), which knows what changed."""
    row = _row(model, change.after or change.before or {}, at=change.changed_at)
    if change.before is not None and change.after is not None:
        fields = snapshots.tracked(model)
        old = _row(model, change.before, at=change.changed_at)
        row.note_write(fields, before=snapshots.values_of(old, fields))
    else:
        row.note_write((), before={})
    return row


def _beside(model: type[Row], name: str, change: _Change) -> Row | None:
    columns = (change.beside or {}).get(name)
    return _row(model, columns, at=change.changed_at) if columns else None


def _stored(model: type[Row], pk: uuid.UUID | None) -> Row | None:
    """One that its transaction stored later than the row that names it."""
    return None if pk is None else model._base_manager.filter(pk=pk).first()


def _row(model: type[Row], columns: Columns, *, at: dt.datetime) -> Row:
    """Columns that are not there, as of another version, have their default."""
    values = {
        field.attname: _value(field, columns[field.column], at=at)
        for field in model._meta.concrete_fields
        if field.column in columns
    }
    row = model(**values)
    row._state.adding = False
    return row


def _value(field: models.Field[Any, Any], told: Any, *, at: dt.datetime) -> Any:
    """As reading the column gives it; what Python has not (infinity of a date) or JSON has not (NaN) as its default."""
    if told is None:
        return None
    target = field.target_field if isinstance(field, models.ForeignKey) else field
    try:
        value = target.to_python(told)
    except (ValidationError, ValueError, OverflowError, InvalidOperation):
        value = None
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC)
    if isinstance(value, Decimal) and not value.is_finite():
        value = None
    if value is None and not field.null:
        return at if isinstance(field, models.DateTimeField) else field.get_default()
    return value
