"""Raising alerts: one row per cause, shown in the dashboard and the admin."""

from __future__ import annotations

import uuid
from typing import Any

from executions.models import Alert, AlertKind


def raise_alert(
    workspace_id: uuid.UUID, kind: AlertKind, message: str, *, dedupe_key: str, **about: Any
) -> None:
    """Writes the alert unless its cause has one already. `about`: agent, trigger, execution_id."""
    alert = Alert(
        workspace_id=workspace_id, kind=kind, message=message, dedupe_key=dedupe_key[:200], **about
    )
    Alert.objects.bulk_create([alert], ignore_conflicts=True)
