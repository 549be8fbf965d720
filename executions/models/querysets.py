"""Every state change of the ledger, each one conditional UPDATE whose row count is the answer."""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Max

from config.lib import logs

if TYPE_CHECKING:
    from executions.models.execution import Execution  # noqa: F401 - the name in the annotation below
    from executions.models.losses import Losses


STOPPED_BY_LIMITS = frozenset({"cooldown", "daily_limit", "loop_guard", "overlap", "expired"})
_NAMED = 20  # ids in one log line


def _say(
    message: str, ids: list[uuid.UUID], count: int, *, level: int = logging.INFO, **more: str
) -> None:
    """One log line for a change of many rows at once."""
    if count:
        fields = {"runs": count, "executions": [str(pk) for pk in ids[:_NAMED]], **more}
        logs.tell("executions", [(level, message, fields)])


class ExecutionQuerySet(models.QuerySet["Execution"]):
    def running_under(self, lease: uuid.UUID) -> ExecutionQuerySet:
        return self.filter(status="running", lease=lease)

    def ready(self) -> ExecutionQuerySet:
        """Queued rows that could start now."""
        return self.filter(status="queued", run_at=None).exclude(verdict="pending")

    def undecided(self) -> ExecutionQuerySet:
        """Queued rows whose conditions a model has still to judge. Uses index execution_undecided."""
        return self.filter(status="queued", verdict="pending")

    def judgeable(self) -> ExecutionQuerySet:
        """Rows that a model could be asked about now. Uses index execution_judgeable."""
        return self.filter(status="queued", verdict="pending", run_at=None, lease=None)

    def judged_under(self, lease: uuid.UUID) -> ExecutionQuerySet:
        """Rows that somebody is asking a model about. Uses index execution_judged."""
        return self.filter(status="queued", verdict="pending", lease=lease)

    def unjudge(self, ids: Iterable[uuid.UUID], *, lease: uuid.UUID) -> int:
        """Nobody asks about them any more; it was neither an attempt nor a loss."""
        return self.judged_under(lease).filter(pk__in=list(ids)).update(lease=None)

    def unfinished(self) -> ExecutionQuerySet:
        """What waits for a place, a moment or a person."""
        waiting = ["queued", "retrying", "waiting_approval", "interrupted"]
        return self.filter(status__in=waiting)

    def suspects(self, losses: Losses | None = None) -> ExecutionQuerySet:
        """Ready rows that lost a worker before, or so many: they have a process of their own. Uses index
        execution_suspect.
        """
        found = self.ready().filter(losses__gt=0)
        return found if losses is None else found.filter(losses__range=losses.value)

    def last_replay_nos(
        self, event_ids: Iterable[uuid.UUID], listener_ids: Iterable[uuid.UUID]
    ) -> dict[tuple[uuid.UUID, uuid.UUID], int]:
        """The newest `replay_no` of each event at each trigger, by (event, listener). Read it under the locks of
        the triggers' gates, so that two replays get two numbers. Uses index execution_once.
        """
        same = self.filter(event_id__in=set(event_ids), listener_id__in=set(listener_ids))
        rows = same.order_by().values_list("event_id", "listener_id").annotate(Max("replay_no"))
        return {(event_id, listener_id): last for event_id, listener_id, last in rows}

    def promote_due(self, now: dt.datetime, *, limit: int) -> set[uuid.UUID]:
        """Waiting and retrying rows whose moment has come are ready; answers their agents. Uses index execution_due."""
        due = self.filter(status__in=["queued", "retrying"], run_at__lte=now, held_for="")
        found: dict[uuid.UUID, uuid.UUID | None] = dict(
            due.order_by("run_at").values_list("pk", "agent_id")[:limit]
        )
        if found:
            promoted = due.filter(pk__in=found).update(status="queued", run_at=None)
            _say("runs due, queued", list(found), promoted)
        return {agent_id for agent_id in found.values() if agent_id}

    def held(self) -> ExecutionQuerySet:
        """Queued rows that wait for a host outside to answer again. Uses index execution_held."""
        return self.filter(status="queued").exclude(held_for="")

    def release(self, ids: Iterable[uuid.UUID]) -> int:
        """What was held is ready again, as it was: no attempt is spent."""
        mine = self.held().filter(pk__in=list(ids))
        return mine.update(run_at=None, held_for="", reason="", error_message="")

    def cancel(self, pk: uuid.UUID, *, now: dt.datetime) -> bool:
        """Cancels what is not running at once; whether it did."""
        mine = self.filter(
            pk=pk, status__in=["queued", "retrying", "waiting_approval", "interrupted"]
        )
        cancelled = mine.update(
            status="cancelled",
            cancel_requested=True,
            finished_at=now,
            run_at=None,
            lease=None,
            reason="",
        )
        _say("run cancelled", [pk], cancelled)
        return cancelled == 1

    def request_cancel(self, pk: uuid.UUID) -> bool:
        """Asks the worker of a running row to stop; it looks about once a second."""
        asked = self.filter(pk=pk, status="running").update(cancel_requested=True)
        _say("run asked to stop", [pk], asked)
        return asked == 1

    def never_started(self, agent_id: uuid.UUID) -> ExecutionQuerySet:
        """What of an agent is queued and has not begun once. Uses index execution_pending."""
        return self.filter(agent_id=agent_id, status="queued", started_at=None)

    def go_on(self, pk: uuid.UUID) -> bool:
        """What was interrupted is ready again, without a spent attempt; whether it was."""
        return (
            self.filter(pk=pk, status="interrupted").update(
                status="queued",
                resumes=True,
                run_at=None,
                cancel_requested=False,
                error_message="",
                error=None,
            )
            == 1
        )

    def go_on_approved(self, pk: uuid.UUID) -> bool:
        """What waited for a person is ready again, without a spent attempt; whether it did."""
        mine = self.filter(pk=pk, status="waiting_approval")
        return mine.update(status="queued", resumes=True, run_at=None, error_message="") == 1

    def fail_bare(self, pk: uuid.UUID, *, lease: uuid.UUID, message: str, now: dt.datetime) -> bool:
        """A running row fails with nothing but its message."""
        failed = (
            self.running_under(lease)
            .filter(pk=pk)
            .update(
                status="failed",
                error_message=message,
                finished_at=now,
                run_at=None,
                lease=None,
                deadline_at=None,
            )
        )
        _say("run failed", [pk], failed, level=logging.ERROR)
        return failed == 1

    def beat(self, lease: uuid.UUID) -> None:
        self.running_under(lease).update(heartbeat=F("heartbeat") + 1)

    def beat_of_judge(self, lease: uuid.UUID) -> None:
        self.judged_under(lease).update(heartbeat=F("heartbeat") + 1)

    def give_back(self, ids: Iterable[uuid.UUID], *, lease: uuid.UUID) -> int:
        """A graceful stop: the rows are ready again and no attempt is spent."""
        mine = self.running_under(lease).filter(pk__in=list(ids))
        return mine.update(status="queued", lease=None, resumes=True, deadline_at=None)
