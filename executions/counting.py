"""The figures of triggers: how many runs, how many of them good, and how many failures in a row."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from config.lib import clock, json
from executions import alerts, live, notices, statements
from executions.models import AlertKind, Status
from executions.outcome import Outcome
from triggers.models import Trigger, TriggerStatus

GOOD, BAD = {Status.COMPLETED}, {Status.FAILED, Status.TIMED_OUT}


def count(kept: Sequence[Outcome], *, now: dt.datetime) -> None:
    """Adds the final outcomes to the figures of their triggers, and stops triggers that only fail."""
    by_trigger: dict[uuid.UUID, list[Outcome]] = defaultdict(list)
    for outcome in kept:
        if outcome.is_final and outcome.execution.trigger_id:
            by_trigger[outcome.execution.trigger_id].append(outcome)
    if not by_trigger:
        return
    figures = [_figures(trigger_id, outcomes) for trigger_id, outcomes in by_trigger.items()]
    counted = statements.run(
        "count_on_trigger_gates", {"figures": json.dumps(figures).decode(), "now": now}
    )
    failures = {
        trigger_id: count
        for trigger_id, count in counted
        if count and any(is_failure(o) for o in by_trigger[trigger_id])
    }
    if failures:
        errors = {pk: o.error_message for pk in failures for o in by_trigger[pk] if is_failure(o)}
        _stop_failing(failures, errors)


def is_failure(outcome: Outcome) -> bool:
    """Whether it speaks against its trigger: what a test came to never does, nor what was a host's fault."""
    return outcome.status in BAD and not outcome.execution.is_test and not outcome.is_excused


def _stop_failing(failures: dict[uuid.UUID, int], errors: dict[uuid.UUID, str]) -> None:
    """Triggers whose runs fail again and again go into error, once each, with the last message and one alert.

    Their events are still written down, as skipped; `launch.resume` recovers them.
    """
    for trigger in Trigger.objects.filter(
        pk__in=failures, status=TriggerStatus.ACTIVE, is_builtin=False
    ):
        if not trigger.failure_threshold or failures[trigger.pk] < trigger.failure_threshold:
            continue
        message = f"{failures[trigger.pk]} runs failed in a row. The last one: {errors.get(trigger.pk, '')}"[
            :2000
        ]
        if not Trigger.objects.fail(trigger.pk, message=message):
            continue
        alerts.raise_alert(
            trigger.workspace_id,
            AlertKind.TRIGGER_ERROR,
            f"{trigger.name} was stopped. {message}",
            trigger=trigger,
            agent=trigger.agent,
            dedupe_key=f"trigger_error:{trigger.pk}:{trigger.version}:{clock.reckoned():%Y%m%d%H%M%S}",
        )
        news = notices.trigger_error(
            trigger_id=trigger.pk, agent_id=trigger.agent_id, message=message
        )
        live.push(trigger.workspace_id, news)


def _figures(trigger_id: uuid.UUID, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """What one group of outcomes adds. `streak`: failures since the last good one, if there was a good one."""
    streak, recovered = 0, False
    for outcome in outcomes:
        if outcome.execution.is_test:
            continue
        if outcome.status in GOOD:
            streak, recovered = 0, True
        elif is_failure(outcome):
            streak += 1
    return {
        "trigger_id": trigger_id,
        "total": len(outcomes),
        "good": sum(outcome.status in GOOD for outcome in outcomes),
        "bad": sum(outcome.status in BAD for outcome in outcomes),
        "streak": streak,
        "recovered": recovered,
    }
