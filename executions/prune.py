"""Deleting what nobody needs any more, in small batches, a part at a time.

One pass at a time in the whole system (an advisory lock), for at most PRUNE_SECONDS, and after each batch as long a
break as the batch took: those who write meanwhile hardly notice. What a pass leaves, the next one takes up at once.
The trail of management actions stays for good: the database itself refuses to delete from it.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection
from django.db.models import QuerySet

from config.lib import clock, ids, wake
from config.lib.locks import Lock
from crm.models import FormSubmission, Workspace
from executions import forgetting
from executions.forgetting import FIRST, Batch, Terms
from executions.models import AgentStart, Alert, RememberedAnswer, Spending, SpendingDay
from triggers.models import DeadLetter, WebhookRejection

log = logging.getLogger(__name__)

BATCH = 1_000
KEEP_SPENDINGS = dt.timedelta(days=400)
KEEP_STARTS = dt.timedelta(hours=50)  # the longest day that a gate counts has 25 hours
_MARK_SECONDS = 24 * 3600


class _OutOfTime(Exception):
    """The pass has had its time."""


@dataclass(slots=True)
class Pass:
    """One call of `prune`: how long it may go on, and how many rows it took."""

    now: dt.datetime
    until: float
    rows: int = 0
    _break: threading.Event = field(default_factory=threading.Event)

    def take(self, batch: Callable[[], Batch]) -> uuid.UUID | None:
        """Runs one batch, then makes way; answers where the next one begins. Raises _OutOfTime instead of beginning."""
        began = time.monotonic()
        if began >= self.until:
            raise _OutOfTime
        found = batch()
        self.rows += found.rows
        if found.rows:
            self._break.wait(min(time.monotonic() - began, 1.0))
        return found.following


def prune(*, now: dt.datetime | None = None) -> int:
    """Whatever has had its time; answers how many rows went. 0 while another one prunes."""
    with _alone() as is_mine:
        if not is_mine:
            return 0
        current = Pass(now or clock.now(), time.monotonic() + settings.PRUNE_SECONDS)
        try:
            _each_part(current)
        except _OutOfTime:
            wake.pruner()
    if current.rows:
        log.info("history pruned", extra={"rows": current.rows})
    return current.rows


@contextmanager
def _alone() -> Iterator[bool]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [Lock.PRUNE.value])
        (is_mine,) = cursor.fetchone()
    try:
        yield is_mine
    finally:
        if is_mine and connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [Lock.PRUNE.value])


def _each_part(current: Pass) -> None:
    """Workspaces come in any order, so that a large one does not always stand before the others."""
    history = current.now - dt.timedelta(days=settings.RETENTION_DAYS)
    _delete(current, AgentStart.objects.filter(at__lt=current.now - KEEP_STARTS))
    _delete(current, Spending.objects.filter(at__lt=current.now - KEEP_SPENDINGS))
    _delete(current, SpendingDay.objects.filter(date__lt=(current.now - KEEP_SPENDINGS).date()))
    remembered = current.now - dt.timedelta(seconds=settings.JUDGE_CACHE_SECONDS)
    _delete(current, RememberedAnswer.objects.filter(at__lt=remembered))
    _delete(current, Session.objects.filter(expire_date__lt=current.now))
    _delete(current, FormSubmission.objects.filter(is_spam=True, submitted_at__lt=history))
    _delete(current, WebhookRejection.objects.filter(at__lt=history))
    letters = current.now - dt.timedelta(days=settings.DEAD_LETTER_DAYS)
    _delete(current, DeadLetter.objects.filter(at__lt=letters))  # index dead_letter_age
    _delete_mail(current, history)
    for workspace in Workspace.objects.order_by("?"):
        terms = Terms(workspace, current.now)
        _walk(current, terms, "executions", forgetting.delete_events)
        for status in terms.shorter():
            _delete_ended(current, terms, status)
        _walk(current, terms, "payloads", forgetting.empty_bodies)
        resolved = Alert.objects.filter(workspace=workspace)
        _delete(current, resolved.filter(resolved_at__lt=terms.before("alerts")))


def _delete(current: Pass, rows: QuerySet[Any]) -> None:
    def batch() -> Batch:
        pks = list(rows.order_by().values_list("pk", flat=True)[:BATCH])
        rows.model._default_manager.filter(pk__in=pks).delete()
        return Batch(FIRST if len(pks) == BATCH else None, len(pks))

    while current.take(batch) is not None:
        continue


def _delete_ended(current: Pass, terms: Terms, status: str) -> None:
    def batch() -> Batch:
        return forgetting.delete_executions(terms, status)

    while current.take(batch) is not None:
        continue


def _walk(
    current: Pass, terms: Terms, period: str, forget: Callable[[Terms, uuid.UUID], Batch]
) -> None:
    """All old events once a day, and in between only those that became old since: what stays is not asked each time."""
    days = "-".join(map(str, terms.days.values()))  # other days, another walk
    key = f"prune:{period}:{terms.workspace.pk}:{days}:{current.now:%Y-%m-%d}"
    after: uuid.UUID = cache.get(key) or FIRST
    while True:
        following = current.take(lambda after=after: forget(terms, after))  # type: ignore[misc]  # binds the loop's value
        after = following or max(after, ids.floor(terms.before(period)))
        cache.set(key, after, _MARK_SECONDS)
        if following is None:
            return


def _delete_mail(current: Pass, before: dt.datetime) -> None:
    """Messages that were written to files, where no mail server is set."""
    folder = getattr(settings, "EMAIL_FILE_PATH", None)
    if folder is None or not Path(folder).is_dir():
        return
    old = (path for path in Path(folder).glob("*.log") if path.stat().st_mtime < before.timestamp())

    def batch() -> Batch:
        gone = list(islice(old, BATCH))
        for path in gone:
            path.unlink(missing_ok=True)
        return Batch(FIRST if len(gone) == BATCH else None, len(gone))

    while current.take(batch) is not None:
        continue
