"""`manage.py migrate` gives way where a table is in use, and comes again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.commands import migrate as djangos
from django.db import OperationalError, connection, transaction

from crm.management.commands import migrate

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def somebody_reads() -> Iterator[threading.Event]:
    """In a transaction that ends when the event is set."""
    has_read, over = threading.Event(), threading.Event()

    def read() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM crm_contact")
            has_read.set()
            over.wait(30)
        connection.close()

    reader = threading.Thread(target=read)
    reader.start()
    has_read.wait(30)
    yield over
    over.set()
    reader.join()


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each try of a migration that needs the table for itself, with the patience that it had."""
    seen: list[str] = []

    def change(self: Any, *args: Any, **options: Any) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SHOW lock_timeout")
            seen.extend(cursor.fetchone())
            cursor.execute("LOCK TABLE crm_contact IN ACCESS EXCLUSIVE MODE")

    monkeypatch.setattr(djangos.Command, "handle", change)
    monkeypatch.setattr(migrate, "LOCK_SECONDS", 0.05)
    return seen


def test_it_stands_back_until_the_table_is_free(tried: list[str]) -> None:
    with somebody_reads() as over:
        threading.Timer(0.4, over.set).start()
        call_command("migrate")
    assert len(tried) > 1
    assert set(tried) == {"50ms"}
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",)


def test_it_gives_up_in_the_end(tried: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "TRIES", 2)
    with somebody_reads(), pytest.raises(OperationalError):
        call_command("migrate")
    assert len(tried) == 2
