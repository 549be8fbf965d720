"""Of several writers of one row, each sees what the one before it wrote."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction

from crm.models import Opportunity, Workspace
from tests.crm import hearing
from tests.crm.hearing import deal

heard = hearing.heard


def in_thread(work: Callable[[], None]) -> threading.Thread:
    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", ["save", "update"])
def test_the_second_writer_sees_what_the_first_wrote(how: str, heard: Any) -> None:
    acme = Workspace.objects.create(name="Acme", slug="acme")
    row = deal(acme, stage="A")
    stale = Opportunity.objects.get()
    notes = heard(Opportunity)
    begun = threading.Event()

    def second() -> None:
        begun.set()
        if how == "save":
            stale.stage = "C"
            stale.save()
        else:
            Opportunity.objects.filter(pk=stale.pk).update(stage="C")

    with transaction.atomic():
        row.stage = "B"
        row.save()
        thread = in_thread(second)
        begun.wait(5)
        wait_until_someone_waits()
    thread.join(10)
    told = notes.saves + [found.changes() for found in notes.rows("updated")]
    assert told == [{"stage": ("A", "B")}, {"stage": ("B", "C")}]


def wait_until_someone_waits() -> None:
    """Until another connection stands in front of a lock that this transaction holds."""
    with connection.cursor() as cursor:
        for _ in range(500):
            cursor.execute(
                "SELECT count(*), pg_sleep(0.01) FROM pg_locks"
                " WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
            )
            if cursor.fetchone()[0]:
                return
    raise AssertionError("nobody waits")


@pytest.mark.django_db(transaction=True)
def test_many_writers_make_one_chain_of_changes(heard: Any) -> None:
    acme = Workspace.objects.create(name="Acme", slug="acme")
    row = deal(acme, stage="0")
    notes = heard(Opportunity)

    def write(number: int) -> None:
        mine = Opportunity.objects.get(pk=row.pk)
        mine.stage = str(number)
        mine.save()

    threads = [in_thread(partial(write, number)) for number in range(1, 9)]
    for thread in threads:
        thread.join(20)
    following = dict(changes["stage"] for changes in notes.saves)  # old -> new
    stage, steps = "0", 0
    while stage in following:
        stage, steps = following[stage], steps + 1
    row.refresh_from_db()
    assert (stage, steps) == (row.stage, 8)
