"""No row can refer to another workspace's row: the database refuses it, asked by raw SQL, reference by reference."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from django.db import IntegrityError, connection, models, transaction
from django.db.models.deletion import RestrictedError

from config.lib.own_workspace import key_name
from crm.models import Workspace
from executions.models import Execution
from tests.rows import has_workspace, make, our_models

Reference = models.ForeignKey[Any, Any]

# Every foreign key of a row with a workspace to a row with a workspace; what comes later is in here by itself.
REFERENCES: list[Reference] = [
    field
    for model in our_models()
    if has_workspace(model)
    for field in model._meta.concrete_fields
    if isinstance(field, models.ForeignKey) and has_workspace(field.related_model)
]
NULLABLE = [field for field in REFERENCES if field.null]


def named(fields: list[Reference]) -> Callable[..., Any]:
    return pytest.mark.parametrize("field", fields, ids=str)


def table_of(field: Reference) -> str:
    return field.model._meta.db_table


def change(row: models.Model, columns: str, value: Any) -> None:
    """By SQL, and checked at once, not only at the end of the transaction."""
    with transaction.atomic(), connection.cursor() as cursor:
        sql = f"UPDATE {row._meta.db_table} SET {columns} WHERE id = %s"
        cursor.execute(sql, [value, row.pk])
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def point(field: Reference, row: models.Model, *, to: Any) -> None:
    change(row, f"{field.column} = %s", to)


def test_the_walker_sees_the_references() -> None:
    found = {str(field) for field in REFERENCES}
    assert {"crm.Note.contact", "triggers.Trigger.agent", "executions.Execution.event"} <= found


@named(REFERENCES)
def test_a_row_cannot_point_into_another_workspace(
    field: Reference, acme: Workspace, other: Workspace
) -> None:
    row = make(field.model, workspace=acme)
    own, foreign = (make(field.related_model, workspace=where) for where in (acme, other))
    with pytest.raises(IntegrityError, match=key_name(table_of(field), field.column)):
        point(field, row, to=foreign.pk)
    point(field, row, to=own.pk)


@named(REFERENCES)
def test_a_row_cannot_move_away_from_what_it_refers_to(
    field: Reference, acme: Workspace, other: Workspace
) -> None:
    row = make(field.model, workspace=acme)
    point(field, row, to=make(field.related_model, workspace=acme).pk)
    with pytest.raises(IntegrityError):
        change(row, "workspace_id = %s", other.pk)


@named(REFERENCES)
def test_the_key_waits_for_the_end_of_the_transaction_as_others_do(
    db: None, field: Reference
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s",
            [key_name(table_of(field), field.column)],
        )
        (definition,) = cursor.fetchone() or ("none",)
    columns = re.escape(f"FOREIGN KEY (workspace_id, {field.column}) REFERENCES ")
    target = re.escape(f"{field.related_model._meta.db_table}(workspace_id, id)")
    assert re.fullmatch(f"{columns}{target} DEFERRABLE INITIALLY DEFERRED", definition)


@named(NULLABLE)
def test_what_is_deleted_leaves_nothing_behind_that_points_at_it(
    field: Reference, acme: Workspace
) -> None:
    row, target = make(field.model, workspace=acme), make(field.related_model, workspace=acme)
    point(field, row, to=target.pk)
    stays = field.remote_field.on_delete is models.RESTRICT
    with pytest.raises(RestrictedError) if stays else nullcontext():
        target.delete()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    left = field.model._default_manager.filter(pk=row.pk).values_list(field.attname, flat=True)
    # The field says which: it stays, SET NULL, or deleted with it.
    assert list(left) in ([[target.pk]] if stays else ([None], []))


def test_an_execution_has_the_workspace_of_its_event(acme: Workspace, other: Workspace) -> None:
    """So it needs no key of its own to the workspace."""
    execution = make(Execution, workspace=acme)
    with pytest.raises(IntegrityError, match="event_id_own_workspace"):
        change(execution, "workspace_id = %s, trigger_id = NULL, agent_id = NULL", other.pk)


def test_a_workspace_goes_with_all_that_is_in_it(acme: Workspace, other: Workspace) -> None:
    for model in our_models():
        make(model, workspace=acme)
    kept = make(Execution, workspace=other)
    acme.delete()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    for model in our_models():
        if has_workspace(model) and model.__name__ != "AuditEntry":  # the trail outlives all
            assert not model._default_manager.filter(workspace_id=acme.pk).exists()
    assert list(Execution.objects.all()) == [kept]
