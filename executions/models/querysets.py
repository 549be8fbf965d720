"""Every state change of the ledger, each one conditional UPDATE whose row count is the answer."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Max
from django.db.models.functions import Coalesce

if TYPE_CHECKING:
    from executions.models.execution import Execution


class ExecutionQuerySet(models.QuerySet["Execution"]):
    def running_under(self, lease: uuid.UUID) -> ExecutionQuerySet:
        return self.filter(status="running", lease=lease)

    def ready(self) -> ExecutionQuerySet:
        """Queued rows that could start now."""
        return self.filter(status="queued", run_at=None).exclude(verdict="pending")

    def suspects(self) -> ExecutionQuerySet:
        """Ready rows that lost a worker before: they run alone. Uses index execution_suspect."""
        return self.ready().filter(losses__gt=0)

    def next_replay_no(self, execution: Execution) -> int:
        """Under the lock of the trigger's gate, so that two replays get two numbers."""
        same = self.filter(event_id=execution.event_id, listener_id=execution.listener_id)
        return (same.aggregate(last=Max("replay_no"))["last"] or 0) + 1

    def promote_due(self, now: dt.datetime, *, limit: int) -> set[uuid.UUID]:
        """Waiting and retrying rows whose moment has come are ready; answers their agents. Uses index execution_due."""
        due = self.filter(status__in=["queued", "retrying"], run_at__lte=now)
        found: dict[uuid.UUID, uuid.UUID | None] = dict(
            due.order_by("run_at").values_list("pk", "agent_id")[:limit]
        )
        if found:
            due.filter(pk__in=found).update(status="queued", run_at=None)
        return {agent_id for agent_id in found.values() if agent_id}

    def cancel(self, pk: uuid.UUID, *, now: dt.datetime) -> bool:
        """Cancels what is not running at once; whether it did."""
        mine = self.filter(
            pk=pk, status__in=["queued", "retrying", "waiting_approval", "interrupted"]
        )
        return (
            mine.update(status="cancelled", cancel_requested=True, finished_at=now, run_at=None)
            == 1
        )

    def request_cancel(self, pk: uuid.UUID) -> bool:
        """Asks the worker of a running row to stop; it looks about once a second."""
        return self.filter(pk=pk, status="running").update(cancel_requested=True) == 1

    def skip(self, ids: Iterable[uuid.UUID], *, reason: str, now: dt.datetime) -> int:
        mine = self.filter(pk__in=list(ids), status__in=["queued", "retrying"])
        return mine.update(
            status="skipped",
            reason=reason,
            started_at=Coalesce("started_at", now),
            finished_at=now,
            run_at=None,
        )

    def skip_first_starts(self, agent_id: uuid.UUID, *, reason: str, now: dt.datetime) -> int:
        """Skips what of an agent has never started; what has started once goes on."""
        mine = self.filter(agent_id=agent_id, status="queued", started_at=None)
        return mine.update(
            status="skipped",
            reason=reason,
            started_at=Coalesce("started_at", now),
            finished_at=now,
            run_at=None,
        )

    def beat(self, lease: uuid.UUID) -> None:
        self.running_under(lease).update(heartbeat=F("heartbeat") + 1)

    def give_back(self, ids: Iterable[uuid.UUID], *, lease: uuid.UUID) -> int:
        """A graceful stop: the rows are ready again and no attempt is spent."""
        mine = self.running_under(lease).filter(pk__in=list(ids))
        return mine.update(status="queued", lease=None, resumes=True, deadline_at=None)
