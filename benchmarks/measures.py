"""The measures. Each answers figures by name; times are in milliseconds, rates per second."""

from __future__ import annotations

import datetime as dt
import statistics
import time
from collections.abc import Callable
from functools import partial

from django.db import connection, transaction

from benchmarks import ground
from benchmarks.figures import Figures, percentile, timed
from config.lib import clock
from crm.models import Contact, Workspace
from executions.models import Execution, Status
from triggers.models import Trigger

WAIT_SECONDS = 120
PACE_SECONDS = 0.08


def save_cost(owner: Workspace, *, saves: int) -> Figures:
    """What an event adds to `Contact.save()`: with the receivers, and the bare row in turn.

    Paced, so that the workers which a save wakes are done before the next one is timed.
    """
    bare, full = [], []
    for number in range(saves):
        time.sleep(PACE_SECONDS)
        contact = Contact(workspace=owner, first_name="Bare", email=f"bare{number}@example.org")
        bare.append(timed(partial(_bare_save, contact)))
        time.sleep(PACE_SECONDS)
        contact = Contact(workspace=owner, first_name="Full", email=f"full{number}@example.org")
        full.append(timed(contact.save))
    return {
        "bare save p50": statistics.median(bare),
        "save with event p50": statistics.median(full),
        "save with event p99": percentile(full, 99),
        "an event adds, p50": statistics.median(full) - statistics.median(bare),
    }


def _bare_save(contact: Contact) -> None:
    contact.created_at = contact.updated_at = dt.datetime.now(dt.UTC)
    with transaction.atomic():
        contact.save_base(raw=True, force_insert=True)


def at_rest(trigger: Trigger, *, events: int, every: float = 0.05) -> Figures:
    """Commit to completed, one event at a time on a quiet system."""
    marker = clock.now()
    commits: dict[str, dt.datetime] = {}
    for number in range(events):
        contact = Contact.objects.create(
            workspace=trigger.workspace, email=f"rest{number}@example.org"
        )
        commits[f"contact:{contact.pk}"] = clock.now()
        time.sleep(every)
    _wait_for(trigger, marker, events)
    rows = Execution.objects.filter(trigger=trigger, created_at__gte=marker).values_list(
        "event__subject", "finished_at"
    )
    waits = [
        (finished - commits[subject]).total_seconds() * 1000
        for subject, finished in rows
        if finished and subject in commits
    ]
    return {
        "commit to completed p50": statistics.median(waits),
        "commit to completed p99": percentile(waits, 99),
    }


def throughput(trigger: Trigger, *, events: int) -> Figures:
    """The whole path: contacts saved a hundred to a transaction, until the last run has completed."""
    marker = clock.now()
    started = time.monotonic()
    for start in range(0, events, 100):
        Contact.objects.bulk_create(
            Contact(workspace=trigger.workspace, email=f"flood{start + n}@example.org")
            for n in range(100)
        )
    accepted = time.monotonic() - started
    _wait_for(trigger, marker, events)
    seconds = time.monotonic() - started
    return {"accepted/s": events / accepted, "completed/s": events / seconds}


def backlog(trigger: Trigger, *, events: int) -> Figures:
    """The rate at which a queue that has grown is worked off: the workspace is paused until all is queued."""
    owner = trigger.workspace
    Workspace.objects.filter(pk=owner.pk).update(paused=True)
    marker = clock.now()
    for start in range(0, events, 500):
        Contact.objects.bulk_create(
            Contact(workspace=owner, email=f"backlog{start + n}@example.org") for n in range(500)
        )
    wait(
        lambda: Execution.objects.filter(trigger=trigger, created_at__gte=marker).count() >= events
    )
    Workspace.objects.filter(pk=owner.pk).update(paused=False)
    started = time.monotonic()
    _wait_for(trigger, marker, events)
    return {f"completed/s from a backlog of {events}": events / (time.monotonic() - started)}


def _wait_for(trigger: Trigger, marker: dt.datetime, count: int) -> None:
    done = Execution.objects.filter(
        trigger=trigger, created_at__gte=marker, status=Status.COMPLETED
    )
    wait(lambda: done.count() >= count)


def wait(is_true: Callable[[], bool]) -> None:
    until = time.monotonic() + WAIT_SECONDS
    while not is_true():
        if time.monotonic() > until:
            raise SystemExit("the system did not get there in time")
        time.sleep(0.05)


def warm_up(trigger: Trigger) -> None:
    """The first runs of a process pay for imports and connections."""
    at_rest(trigger, events=20, every=0.02)
    Contact.objects.filter(workspace=trigger.workspace)._raw_delete("default")
    ground.history(trigger, rows=20_000)
    connection.close()
