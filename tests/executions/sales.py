"""Sales to one contact, as events."""

from __future__ import annotations

from crm.models import Workspace
from triggers import events


def emit_sales(workspace: Workspace, count: int) -> None:
    payload = {"contact": {"id": "c1", "email": "ann@example.org"}}
    for _ in range(count):
        events.emit("sale", workspace_id=workspace.pk, payload=payload, subject="contact:c1")
