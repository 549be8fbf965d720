"""Events of outgoing e-mail: sent, failed, and bounced, which a webhook of the mail provider tells."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django.dispatch import receiver

from agents.signals import email_finished
from crm.models import Contact
from triggers import event_types, events
from triggers.event_types import EventType


def _register(name: str, label: str, *, error: str) -> EventType:
    text = {"type": "string"}
    return event_types.register(
        name,
        label=label,
        schema={
            "type": "object",
            "properties": {
                "email": {
                    "type": "object",
                    "title": "E-mail",
                    "properties": {
                        "to": {"type": "array", "title": "To", "items": text},
                        "subject": {**text, "title": "Subject"},
                    },
                    "required": ["to", "subject"],
                },
                "error": {**text, "title": "Error"},
                "execution_id": {
                    "type": ["string", "null"],
                    "title": "Execution id",
                    "format": "uuid",
                },
            },
            "required": ["email", "error"],
        },
        sample={
            "email": {"to": ["ann@example.org"], "subject": "Welcome"},
            "error": error,
            "execution_id": None,
        },
        source="email",
        group="E-mail",
    )


SENT = _register("email.sent", "E-mail sent", error="")
FAILED = _register("email.failed", "E-mail failed", error="The server refused the message.")
BOUNCED = _register("email.bounced", "E-mail bounced", error="550 No such mailbox")


@receiver(email_finished, dispatch_uid="triggers.email_finished")
def finished(
    *,
    workspace_id: uuid.UUID,
    to: str | Sequence[str],
    subject: str,
    ok: bool,
    error: str = "",
    execution_id: uuid.UUID | None = None,
    **_: Any,
) -> None:
    addresses = [to] if isinstance(to, str) else list(to)
    events.emit(
        SENT if ok else FAILED,
        workspace_id=workspace_id,
        subject=_whom(workspace_id, addresses),
        payload={
            "email": {"to": addresses, "subject": subject},
            "error": error or "",
            "execution_id": execution_id,
        },
    )


def _whom(workspace_id: uuid.UUID, addresses: Sequence[str]) -> str:
    """The contact whose history this belongs to; empty where nobody has the first address."""
    if not addresses:
        return ""
    known = Contact.objects.filter(workspace_id=workspace_id).with_email(addresses[0])
    pk = known.values_list("pk", flat=True).first()
    return f"contact:{pk}" if pk else ""
