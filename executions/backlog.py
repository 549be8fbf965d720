"""How much work waits in a workspace: the answer that the public doors ask for before they take more."""

from __future__ import annotations

import uuid
from typing import Any

from django.dispatch import receiver

from crm.signals import backlog_asked
from executions import alerts, statements
from executions.models import AlertKind


@receiver(backlog_asked, dispatch_uid="executions.backlog")
def backlog(*, workspace_id: uuid.UUID, limit: int, **_: Any) -> int:
    """Queued and retrying runs and undispatched events, counted up to `limit`; there, one alert is raised."""
    ((number,),) = statements.run("count_backlog", {"workspace": workspace_id, "limit": limit})
    if number >= limit:
        message = f"{limit:,} runs and events wait. Forms, webhooks and emitted events are refused until it is fewer."
        alerts.raise_alert(
            workspace_id, AlertKind.QUEUE_FULL, message, dedupe_key=AlertKind.QUEUE_FULL
        )
    return int(number)
