"""Alerts: raised once per cause, told to everybody who looks, and put away by a person or when their cause is over."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable
from typing import Any

from django.db import transaction

from executions import live, notices
from executions.models import Alert, AlertKind, Execution
from executions.models.alert import AlertQuerySet


def raise_alert(
    workspace_id: uuid.UUID,
    kind: AlertKind,
    message: str,
    *,
    dedupe_key: str,
    cause: str = "",
    times: int = 1,
    counts: bool = True,
    **about: Any,
) -> bool:
    """Writes the alert, or counts `times` more on the open one of this key; whether it wrote.

    `about`: agent, trigger, execution_id. `counts`: false for a state that is seen again and again while it lasts.
    `cause`: what people are written to about at most once an hour; by default the kind and whom it is about.
    """
    who = about.get("trigger") or about.get("agent")
    alert = Alert(
        workspace_id=workspace_id,
        kind=kind,
        message=message,
        dedupe_key=dedupe_key[:200],
        times=times,
        cause=(cause or f"{kind}:{who.pk if who else ''}")[:200],
        **about,
    )
    with transaction.atomic():
        Alert.objects.bulk_create([alert], ignore_conflicts=True)
        is_new = Alert.objects.filter(pk=alert.pk).exists()
        if is_new:
            live.push(workspace_id, notices.alert_raised(alert))
        elif counts:
            Alert.objects.count_again(workspace_id, alert.dedupe_key, times=times)
    return is_new


def open_ones(kind: AlertKind) -> dict[tuple[uuid.UUID, str], uuid.UUID]:
    """The open alerts of a kind: (workspace, dedupe_key) -> id. Uses index alert_open."""
    rows = Alert.objects.filter(kind=kind, resolved_at=None).order_by()
    return {
        (workspace_id, key): pk
        for workspace_id, key, pk in rows.values_list("workspace_id", "dedupe_key", "pk")
    }


def close(ids: Iterable[uuid.UUID], *, now: dt.datetime) -> int:
    """Alerts whose cause is over by itself."""
    return resolve(Alert.objects.filter(pk__in=list(ids)), user_id=None, now=now)


def see(alerts: AlertQuerySet, *, user_id: int | None, now: dt.datetime) -> int:
    """Somebody has looked at them; answers how many nobody had seen before."""
    return _told(alerts.filter(seen_at=None), "see", user_id=user_id, now=now)


def resolve(alerts: AlertQuerySet, *, user_id: int | None, now: dt.datetime) -> int:
    """They need nothing more; answers how many were open. The same cause may raise a new one from now on."""
    return _told(alerts.filter(resolved_at=None), "resolve", user_id=user_id, now=now)


def _told(alerts: AlertQuerySet, verb: str, *, user_id: int | None, now: dt.datetime) -> int:
    with transaction.atomic():
        workspaces = set(alerts.order_by().values_list("workspace_id", flat=True))
        changed: int = getattr(alerts.order_by(), verb)(user_id=user_id, now=now)
        for workspace_id in workspaces:
            live.push(workspace_id, notices.alerts_changed())
    return changed


def raise_unstorable(execution: Execution) -> None:
    raise_alert(
        execution.workspace_id,
        AlertKind.POISON,
        f"What a run of {execution.agent_name} came to could not be stored. Look at what it did, and at the server's "
        "log.",
        execution_id=execution.pk,
        dedupe_key=f"unstorable:{execution.pk}",
        cause=f"unstorable:{execution.agent_id}",
    )


def raise_interrupted(execution: Execution) -> None:
    """A run waits for a person; the decision resolves the alert."""
    said = f"A run of {execution.agent_name} was interrupted and needs a decision."
    cause = f"{AlertKind.INTERRUPTED}:{execution.agent_id}"
    _ask_somebody(execution, AlertKind.INTERRUPTED, said, cause=cause)


def raise_approval(execution: Execution) -> None:
    """A run waits for a person to approve a step; the decision resolves the alert."""
    said = f"A run of {execution.agent_name} waits for somebody to approve its next step."
    cause = f"{AlertKind.APPROVAL}:{execution.agent_id}"
    _ask_somebody(execution, AlertKind.APPROVAL, said, cause=cause)


def raise_unsure(execution: Execution) -> None:
    """A model is not sure whether a condition holds, so a person says it; the decision resolves the alert."""
    said = (
        f"The model is not sure whether {execution.trigger_name} shall run: somebody has to decide."
    )
    _ask_somebody(execution, AlertKind.APPROVAL, said, cause=f"unsure:{execution.listener_id}")


def _ask_somebody(execution: Execution, kind: AlertKind, said: str, *, cause: str) -> None:
    raise_alert(
        execution.workspace_id,
        kind,
        said,
        agent_id=execution.agent_id,
        execution_id=execution.pk,
        dedupe_key=f"{kind}:{execution.pk}",
        cause=cause,
    )


def raise_unasked(execution: Execution, why: str) -> None:
    """Conditions of a trigger cannot be judged; put away when its model answers again."""
    raise_alert(
        execution.workspace_id,
        AlertKind.MODEL,
        f"The conditions of {execution.trigger_name} cannot be judged. {why}"[:2000],
        agent_id=execution.agent_id,
        trigger_id=execution.listener_id,
        execution_id=execution.pk,
        dedupe_key=f"model:{execution.listener_id}",
        cause=f"model:{execution.listener_id}",
    )


def settle(kind: AlertKind, *, now: dt.datetime, **about: Any) -> int:
    """What was alerted is over, because a person has dealt with it. `about`: agent_id, trigger_id or execution_id."""
    return resolve(Alert.objects.filter(kind=kind, **about), user_id=None, now=now)
