"""How much work waits in a workspace: the answer that the public doors ask for before they take more."""

from __future__ import annotations

import uuid
from typing import Any

from django.dispatch import receiver

from config.lib import clock
from crm import backlog as doors
from crm.models import Workspace
from crm.signals import backlog_asked
from executions import alerts, statements
from executions.models import AlertKind

OPEN_AGAIN = 0.9  # of the bound: one that comes and goes at the bound is one alert


@receiver(backlog_asked, dispatch_uid="executions.backlog")
def backlog(*, workspace_id: uuid.UUID, limit: int, **_: Any) -> int:
    """Queued and retrying runs and undispatched events, counted up to `limit`; there, one alert is raised."""
    number = _count(workspace_id, limit)
    if number >= limit:
        message = (
            f"{limit:,} runs and events wait, which is the bound of this workspace. Forms, webhooks and emitted events "
            "are refused until it is fewer. The bound is the queue limit in the workspace's settings, or QUEUE_LIMIT "
            "of the server."
        )
        alerts.raise_alert(
            workspace_id,
            AlertKind.QUEUE_FULL,
            message,
            dedupe_key=AlertKind.QUEUE_FULL,
            counts=False,
        )
    return number


def full_at(workspace: Workspace) -> int | None:
    """The bound, where so much waits; None below it."""
    limit = doors.bound(workspace)
    return limit if _count(workspace.pk, limit) >= limit else None


def settle() -> int:
    """Closes the alerts of workspaces whose queue is below its bound again. One query where there are none."""
    told = alerts.open_ones(AlertKind.QUEUE_FULL)
    over = []
    for workspace in Workspace.objects.filter(pk__in={pk for pk, _ in told}) if told else ():
        limit = doors.bound(workspace)
        if _count(workspace.pk, limit) <= int(limit * OPEN_AGAIN):
            over += [pk for (where, _), pk in told.items() if where == workspace.pk]
    return alerts.close(over, now=clock.now()) if over else 0


def _count(workspace_id: uuid.UUID, limit: int) -> int:
    ((number,),) = statements.run("count_backlog", {"workspace": workspace_id, "limit": limit})
    return int(number)
