"""What another program writes into the database, and what is told of it."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from crm.models import CapturedChange
from triggers.models import Event
from triggers.sources import database

Program = psycopg.Connection[Any]
AT = dt.datetime(2026, 11, 3, 9, 30, 0, 5, tzinfo=dt.UTC)


def insert(program: Program, table: str, /, **columns: Any) -> uuid.UUID:
    """A row as a program would write it, the other columns with what Django would give them."""
    defaults: dict[str, dict[str, Any]] = {
        "crm_contact": {
            **dict.fromkeys(("first_name", "last_name", "email", "phone"), ""),
            **dict.fromkeys(("title", "company", "source"), ""),
            "custom": Jsonb({}), "created_at": AT, "updated_at": AT,
        },
        "crm_opportunity": {
            "name": "Boat", "value": "15000.50", "currency": "USD", "stage": "Lead",
            "custom": Jsonb({}), "created_at": AT, "updated_at": AT,
        },
        "crm_formsubmission": {
            "fields": Jsonb({"name": "Ann"}), "is_new_contact": False, "is_spam": False, "sending": "",
            "submitted_at": AT,
        },
    }  # fmt: skip
    pk = uuid.UUID(str(columns.get("id") or uuid.uuid4()))
    row = {**defaults[table], **columns, "id": pk}
    marks = ", ".join(["%s"] * len(row))
    program.execute(
        f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})",
        list(row.values()),
    )
    return pk


def told() -> list[str]:
    return list(Event.objects.order_by("id").values_list("type", flat=True))


def tell() -> list[str]:
    """Tells what waits; the types of all events so far."""
    database.tell()
    assert not CapturedChange.objects.waiting().exists()
    return told()


def forget() -> None:
    Event.objects.all().delete()
