"""How states and figures are said in the admin: colours of badges, and the numbers of an agent and a trigger."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.template.loader import render_to_string

from agents import actions
from agents.models import Agent
from config.lib import clock
from executions.gates import daily_limit, unsigned_share
from executions.models import AgentGate, AgentStart, Execution, Status, TriggerGate
from triggers import operators, sources
from triggers.models import DeadLetter, Trigger, Watch

STATUS_OF_AGENT = {"Live": "success", "Draft": "info", "Paused": "warning", "Archived": "default"}
STATUS_OF_TRIGGER = {"Active": "success", "Paused": "warning", "Error": "danger"}
STATUS_OF_EXECUTION = {
    "Completed": "success",
    "Running": "info",
    "Queued": "info",
    "Retrying": "warning",
    "Waiting for approval": "warning",
    "Failed": "danger",
    "Timed out": "danger",
    "Interrupted": "danger",
    "Cancelled": "default",
    "Skipped": "default",
}
PAUSED_BECAUSE = {"daily_limit": "It reached its limit for the day."}


def badge(text: str, colours: Mapping[str, str]) -> str:
    """unfold's label, for pages; in lists its own decorator draws it."""
    return render_to_string(
        "unfold/helpers/label.html", {"text": text, "variant": colours.get(text, "default")}
    )


Figure = tuple[str, Any]


def agent_figures(agent: Agent) -> list[Figure]:
    """What its limits are counted from. Uses the indexes start_agent, execution_running."""
    now = clock.now()
    gate = AgentGate.objects.filter(pk=agent.pk).first() or AgentGate(pk=agent.pk)
    gate.agent = agent
    starts = AgentStart.objects.filter(agent=agent, at__gt=now - dt.timedelta(seconds=60)).count()
    today = daily_limit.used(gate, now)
    running = Execution.objects.filter(agent=agent, status=Status.RUNNING).count()
    waiting = Execution.objects.filter(agent=agent, status__in=[Status.QUEUED, Status.RETRYING])[
        :1000
    ].count()
    figures: list[Figure] = [
        ("Started in the last minute", _of(starts, agent.limit("max_executions_per_minute"))),
        ("Started today", _of(today.all, agent.limit(daily_limit.LIMIT))),
        ("Of these for senders not verified", _of(today.unsigned, unsigned_share.of_agent(agent))),
        ("Running now", _of(running, agent.limit("max_concurrent"))),
        ("Waiting", waiting),
    ]
    if gate.pause_reason:
        figures.append(("Paused because", PAUSED_BECAUSE.get(gate.pause_reason, gate.pause_reason)))
    return figures


def _of(number: int, limit: int | None) -> str:
    return f"{number:,}" if limit is None else f"{number:,} of {limit:,}"


def trigger_figures(trigger: Trigger) -> list[Figure]:
    gate = TriggerGate.objects.filter(pk=trigger.pk).first() or TriggerGate(trigger=trigger)
    figures: list[Figure] = [
        ("Runs", gate.total_executions),
        ("Completed", gate.successful_executions),
        ("Failed", gate.failed_executions),
        ("Failures in a row", f"{gate.consecutive_failures} of {trigger.failure_threshold}"),
        ("Last run", gate.last_execution_at or "never"),
    ]
    return figures + (source_figures(trigger) if trigger.trigger_type in sources.watched() else [])


def source_figures(trigger: Trigger) -> list[Figure]:
    """How it goes with what a listener watches."""
    watch = Watch.objects.filter(pk=trigger.pk).first() or Watch()
    letters = DeadLetter.objects.filter(trigger=trigger, is_dead=True).count()
    if watch.works_since:
        state = f"connected. {watch.note}" if watch.note else "connected"
    else:
        state = f"failing: {watch.last_error}" if watch.failures else "not listened to"
    lag = "" if watch.lag_ms is None else f"{watch.lag_ms / 1000:.1f} s"
    return [
        ("Source", state),
        ("Received", watch.received),
        ("Newest", watch.last_event_at or "never"),
        ("Late by", lag or "-"),
        ("Waiting there", "-" if watch.waiting is None else watch.waiting),
        ("Dead letters", letters),
    ]


def steps_said(agent: Agent) -> list[dict[str, Any]]:
    """Each step with the label of its action."""
    found = [step for step in agent.steps if isinstance(step, dict)]
    return [{**step, "label": action_label(str(step.get("action", "")))} for step in found]


def action_label(action: str) -> str:
    return actions.registry.get(action).label if action in actions.registry else action


def conditions_said(node: Any) -> dict[str, Any]:
    """A stored tree for a template: `{"said", "members"}` for a group, a leaf with its operator's label."""
    members = node.get("rules") or node.get("conditions") if isinstance(node, dict) else None
    if members:
        said = {"OR": "Any of these", "NOT": "Not this"}.get(str(node.get("logic")), "All of these")
        return {"said": said, "members": [conditions_said(member) for member in members]}
    if not isinstance(node, dict) or not node.get("operator"):
        return {"question": node.get("description", "") if isinstance(node, dict) else ""}
    name = node["operator"]
    label = operators.registry.get(name).label if name in operators.registry else name
    return {**node, "label": label, "has_value": "value" in node}
