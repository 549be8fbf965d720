"""Whether an event would run a trigger's agent now, and all that speaks against it."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings
from django.db.models import Count, Q

from agents.models import AgentStatus
from config.lib import clock
from executions import backlog, waiting
from executions.gates import overlap
from executions.models import Status, TriggerGate
from triggers import activation, cron, leases, sources
from triggers.models import Schedule, Trigger, TriggerStatus, TriggerType, Watch
from triggers.sources import webhook

FROM_OUTSIDE = (TriggerType.WEBHOOK, TriggerType.CUSTOM)  # what a full queue turns away


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be right; `message` says how it is, for a person."""

    check: str
    ok: bool
    message: str


def diagnose(trigger: Trigger) -> dict[str, Any]:
    """State, figures and checks of a trigger that was read with its agent, gate and workspace. A dozen queries."""
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
        "source": _source_state(trigger),
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
        "description": said_of(schedule),
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


def _source_state(trigger: Trigger) -> dict[str, Any] | None:
    if trigger.trigger_type not in sources.watched():
        return None
    return leases.told(Watch.objects.filter(pk=trigger.pk).first())


def said_of(schedule: Schedule) -> str:
    """The schedule in words, or why it cannot be read any more."""
    try:
        return cron.explain(cron.read(schedule.cron_expression, schedule.timezone))
    except (cron.InvalidCron, cron.UnknownZone) as error:
        return str(error)


def _checks(trigger: Trigger, cooldown_until: dt.datetime | None) -> list[Check]:
    return [
        _service(trigger),
        _workspace(trigger),
        _status(trigger),
        _configuration(trigger),
        *_examples(trigger),
        _agent(trigger),
        _cooldown(cooldown_until),
        _overlap(trigger),
        _limits(trigger),
        *_of_type(trigger),
    ]


def _service(trigger: Trigger) -> Check:
    if said := sources.why_off(trigger.trigger_type, trigger.config):
        return Check("service", False, said)
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
    source = sources.of(trigger).within(trigger.workspace)
    config = source.opened(trigger.config, sealed=trigger.sealed)
    problems = source.check(config, workspace=trigger.workspace)
    if problems:
        path, messages = next(iter(problems.items()))
        return Check("configuration", False, f"{path}: {messages[0]}")
    warnings = source.warnings(trigger.config)
    listens = f"It listens to {sources.describe(trigger)}."
    return Check("configuration", True, " ".join([listens, *warnings]))


def _examples(trigger: Trigger) -> list[Check]:
    """Where conditions in words have some. What listens already goes on, whatever a model makes of them by now."""
    told = activation.told(trigger)
    if told["state"] == activation.NONE:
        return []
    said = {
        activation.PASSED: "The examples of its conditions are right.",
        activation.FAILED: f"{told['passed']} of {told['total']} examples of its conditions are right: too few.",
        activation.UNTRIED: "The examples of its conditions have not been tried with this model.",
    }[told["state"]]
    is_right = told["state"] == activation.PASSED
    return [Check("examples", is_right or trigger.enabled, said)]


def _agent(trigger: Trigger) -> Check:
    agent = trigger.agent
    if agent.status != AgentStatus.LIVE:
        return Check("agent", False, f"The agent {agent.name} is {agent.status}.")
    return Check("agent", True, f"The agent {agent.name} is live.")


def _cooldown(until: dt.datetime | None) -> Check:
    if until is None:
        return Check("cooldown", True, "It is not cooling down.")
    return Check("cooldown", False, f"It is cooling down until {until:%Y-%m-%d %H:%M:%S} UTC.")


def _overlap(trigger: Trigger) -> Check:
    if overlap.busy([trigger]):
        return Check(
            "overlap", False, "An earlier run of it has not ended, and it skips meanwhile."
        )
    return Check("overlap", True, "No earlier run is in its way.")


def _limits(trigger: Trigger) -> Check:
    """What would make its next run wait, or be skipped: windows, the day, runs at once."""
    full = waiting.what_is_full(trigger, is_unsigned=webhook.is_unsigned(trigger.config))
    return Check("limits", not full, full or "There is room in every limit.")


def _of_type(trigger: Trigger) -> list[Check]:
    if trigger.trigger_type in FROM_OUTSIDE:
        full = backlog.full_at(trigger.workspace)
        if full is None:
            return [Check("queue", True, "The workspace's queue is below its bound.")]
        said = f"{full:,} runs and events wait, the workspace's bound: no more is taken."
        return [Check("queue", False, said)]
    if trigger.trigger_type == TriggerType.CRON and trigger.enabled:
        schedule = getattr(trigger, "schedule", None)
        is_armed = schedule is not None and schedule.next_fire_at is not None
        said = "It knows its next moment." if is_armed else "No further moment comes: it has ended."
        return [Check("schedule", is_armed, said)]
    return []


def _pending(trigger: Trigger) -> dict[str, int]:
    return trigger.executions.aggregate(
        queued_executions=Count("pk", filter=Q(status__in=[Status.QUEUED, Status.RETRYING])),
        running_executions=Count("pk", filter=Q(status=Status.RUNNING)),
    )
