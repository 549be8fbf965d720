"""Whether a workspace takes more work from outside: public forms, webhooks and emitted events stop at its bound.

What happens in the CRM never asks here: a sale is recorded, however long the queue is.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from config.lib.rest.failures import Failure
from crm import signals
from crm.models import Workspace

FRESH_SECONDS = 1.0  # a count serves this long
RETRY_AFTER_SECONDS = 30


class Full(Failure):
    """The answer of REST views."""

    status_code = 429
    default_code = "queue_full"
    wait = RETRY_AFTER_SECONDS


def bound(workspace: Workspace) -> int:
    """How many runs and events may wait in the workspace."""
    return workspace.queue_limit or settings.QUEUE_LIMIT


def message(workspace: Workspace) -> str:
    return (
        f"So much work waits in this workspace that it takes no more just now (its bound is "
        f"{bound(workspace):,} runs and events); try again later."
    )


@dataclass(slots=True)
class _Count:
    """What waited at `read_at` (seconds of the monotonic clock), and what this process has let in since."""

    number: int
    read_at: float


_counts: dict[uuid.UUID, _Count] = {}
_lock = threading.Lock()


def seconds_to_wait(workspace: Workspace, *, count: int = 1) -> int:
    """0 where more is taken, and then it has been counted; else seconds, for Retry-After."""
    limit = bound(workspace)
    known = _counts.get(workspace.pk)
    if known is None or time.monotonic() - known.read_at >= FRESH_SECONDS:
        known = _read(workspace, limit)
    with _lock:
        if known.number >= limit:
            return RETRY_AFTER_SECONDS
        known.number += count
    return 0


def refuse_if_full(workspace: Workspace, *, count: int = 1) -> None:
    """Raises Full."""
    if seconds_to_wait(workspace, count=count):
        raise Full(message(workspace), details={"bound": bound(workspace)})


def _read(workspace: Workspace, limit: int) -> _Count:
    """One count at a time matters little; each process makes at most about one a second for a workspace."""
    began = time.monotonic()
    answers: Sequence[tuple[object, Any]] = signals.backlog_asked.send(
        sender=Workspace, workspace_id=workspace.pk, limit=limit
    )
    count = _Count(sum(number for _, number in answers), began)
    _counts[workspace.pk] = count
    return count
