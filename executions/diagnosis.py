"""Whether an event would run a trigger's agent now, and all that speaks against it."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings
from django.db.models import Count, Q

from agents.models import AgentStatus
from config.lib import clock
from executions.models import Status, TriggerGate
from triggers import cron, sources
from triggers.models import Schedule, Trigger, TriggerStatus


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be right; `message` says how it is, for a person."""

    check: str
    ok: bool
    message: str


def diagnose(trigger: Trigger) -> dict[str, Any]:
    """State, figures and checks of a trigger that was read with its agent, gate and workspace. Two queries."""
    now = clock.now()
    gate = getattr(trigger, "gate", None) or TriggerGate(trigger=trigger)
    until = _cooldown_until(trigger, gate, now)
    checks = _checks(trigger, until)
    schedule = getattr(trigger, "schedule", None)
    return {
        "trigger_id": trigger.pk,
        "enabled": trigger.enabled,
        "is_active": trigger.enabled,
        "status": trigger.status,
        "last_error": trigger.last_error,
        "is_ready": all(check.ok for check in checks),
        "in_cooldown": until is not None,
        "cooldown_until": until,
        "last_execution": gate.last_execution_at,
        "next_run_time": schedule.next_fire_at if schedule else None,
        "schedule": _schedule_state(schedule) if schedule else None,
        "agent_status": trigger.agent.status,
        **_pending(trigger),
        "total_executions": gate.total_executions,
        "successful_executions": gate.successful_executions,
        "failed_executions": gate.failed_executions,
        "consecutive_failures": gate.consecutive_failures,
        "diagnosis": [asdict(check) for check in checks],
    }


def _cooldown_until(trigger: Trigger, gate: TriggerGate, now: dt.datetime) -> dt.datetime | None:
    if not gate.last_accepted_at or not trigger.cooldown_seconds or trigger.ignore_cooldown:
        return None
    until = gate.last_accepted_at + dt.timedelta(seconds=trigger.cooldown_seconds)
    return until if until > now else None


def _schedule_state(schedule: Schedule) -> dict[str, Any]:
    return {
        "status": "running" if schedule.next_fire_at else "not_running",
        "description": cron.explain(cron.read(schedule.cron_expression, schedule.timezone)),
        "cron_expression": schedule.cron_expression,
        "timezone": schedule.timezone,
        "next_fire_at": schedule.next_fire_at,
        "last_fired_at": schedule.last_fired_at,
        "last_scheduled_for": schedule.last_slot_at,
        "lateness_ms": schedule.lateness_ms,
        "missed": schedule.missed,
        "missed_before_last": schedule.missed_before_last,
        "missed_total": schedule.missed_total,
    }


def _checks(trigger: Trigger, cooldown_until: dt.datetime | None) -> list[Check]:
    return [
        _service(),
        _workspace(trigger),
        _status(trigger),
        _configuration(trigger),
        _agent(trigger),
        _cooldown(cooldown_until),
    ]


def _service() -> Check:
    on = settings.TRIGGERS_ENABLED
    message = "Triggers are switched on." if on else "Triggers are switched off on this server."
    return Check("service", on, message)


def _workspace(trigger: Trigger) -> Check:
    if trigger.workspace.paused:
        return Check("workspace", False, "Everything in this workspace is paused.")
    return Check("workspace", True, "The workspace is not paused.")


def _status(trigger: Trigger) -> Check:
    if trigger.status == TriggerStatus.ERROR:
        return Check("status", False, f"The trigger is in error: {trigger.last_error}")
    if trigger.status == TriggerStatus.PAUSED:
        return Check("status", False, "The trigger is paused.")
    return Check("status", True, "The trigger is active.")


def _configuration(trigger: Trigger) -> Check:
    source = sources.find(trigger.trigger_type)
    problems = source.check(trigger.config, workspace=trigger.workspace)
    if problems:
        path, messages = next(iter(problems.items()))
        return Check("configuration", False, f"{path}: {messages[0]}")
    warnings = source.warnings(trigger.config)
    listens = f"It listens to {sources.describe(trigger)}."
    return Check("configuration", True, " ".join([listens, *warnings]))


def _agent(trigger: Trigger) -> Check:
    agent = trigger.agent
    if agent.status != AgentStatus.LIVE:
        return Check("agent", False, f"The agent {agent.name} is {agent.status}.")
    return Check("agent", True, f"The agent {agent.name} is live.")


def _cooldown(until: dt.datetime | None) -> Check:
    if until is None:
        return Check("cooldown", True, "It is not cooling down.")
    return Check("cooldown", False, f"It is cooling down until {until:%Y-%m-%d %H:%M:%S} UTC.")


def _pending(trigger: Trigger) -> dict[str, int]:
    return trigger.executions.aggregate(
        queued_executions=Count("pk", filter=Q(status__in=[Status.QUEUED, Status.RETRYING])),
        running_executions=Count("pk", filter=Q(status=Status.RUNNING)),
    )
