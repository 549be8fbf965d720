"""What a drafted trigger would have done with the events that there were: judged as dispatch judges, nothing written.

Whether the agent is live, whether a limit was reached and the like is left out: the question is which events are meant.
A condition in words is not asked here, since asking costs money: such an event says that it needs the model.
"""

from __future__ import annotations

from typing import Any

from config.lib import clock
from executions.models import Reason
from triggers import conditions, sources
from triggers.facts import facts, judged
from triggers.models import Event, Trigger
from triggers.sources import cron, custom

EVENTS = 20
NEEDS_MODEL = "needs_model"
PAYLOAD_DELETED = "payload_deleted"
_LONGEST_NAME = 100
NOTHING: dict[str, Any] = {"events": 0, "would_run": 0, "undecided": 0, "results": [], "next": []}


def rehearse(trigger: Trigger) -> dict[str, Any]:
    """Of a trigger that is not saved. One query. `next`: of a schedule, when it would fire."""
    source = sources.of(trigger).within(trigger.workspace)
    kind = source.sample_type(trigger.config)
    mine = Event.objects.filter(workspace_id=trigger.workspace_id)
    condition = conditions.parse(trigger.conditions)
    events = mine.heard_at(trigger.topic, kind=kind, limit=EVENTS)
    results = [_judged(event, trigger, condition) for event in events]
    return {
        "events": len(results),
        "would_run": sum(result["would_run"] is True for result in results),
        "undecided": sum(result["would_run"] is None for result in results),
        "results": results,
        "next": _fires(trigger),
    }


def _judged(event: Event, trigger: Trigger, condition: conditions.Condition) -> dict[str, Any]:
    told: dict[str, Any] = {
        "event_id": str(event.pk),
        "type": event.type,
        "occurred_at": event.occurred_at,
        "subject": event.subject,
        "about": _about(event.payload),
    }
    if event.bodies_deleted:
        return {**told, "would_run": False, "reason": PAYLOAD_DELETED, "trace": []}
    seen = facts(event.payload, source=event.source)
    trace: list[dict[str, Any]] = []
    if wanted := trigger.config.get("filter"):
        fits, trace = custom.matches_filter(wanted, seen)
        if not fits:
            return {**told, "would_run": False, "reason": Reason.CONDITION_FALSE, "trace": trace}
    about = judged(seen, source=event.source, verified=event.verified)
    verdict = conditions.judge(condition, about, with_trace=True)
    reason = NEEDS_MODEL if verdict.needs_model else str(verdict.reason or "")
    would_run = None if verdict.needs_model else bool(verdict.met)
    return {
        **told,
        "would_run": would_run,
        "reason": reason,
        "trace": [*trace, *verdict.trace],
    }


def _about(payload: dict[str, Any]) -> str:
    """The name of what it happened to, as people know it; empty where the event has none."""
    for root in ("deal", "form", "contact"):
        record = payload.get(root)
        if not isinstance(record, dict):
            continue
        full_name = f"{record.get('first_name') or ''} {record.get('last_name') or ''}".strip()
        if name := record.get("name") or full_name or record.get("email"):
            return str(name)[:_LONGEST_NAME]
    return ""


def _fires(trigger: Trigger) -> list[Any]:
    if "cron_expression" not in trigger.config:
        return []
    zone = str(trigger.config.get("timezone", "UTC"))
    said = cron.preview(str(trigger.config["cron_expression"]), zone, now=clock.reckoned())
    return list(said["next"])
