"""Recovery in the admin: the three decisions about a run in doubt, going on after a stop, and what waits for people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from unfold.enums import ActionVariant

from agents.models import Agent
from config.lib import audit
from crm.admin import roles
from crm.admin.actions import Done, ObjectAction, Refused
from executions import launch, resolving
from executions import replay as replaying
from executions.admin import examples
from executions.models import Execution, Reason, Status
from executions.pages import figures, recovery
from executions.resolving import Resolution
from triggers.models import Trigger, TriggerStatus
from triggers.problems import InvalidTrigger


def decisions() -> list[ObjectAction]:
    """One button for each way to resolve an interrupted run."""
    icons = {Resolution.RETRY: "replay", Resolution.MARK_DONE: "done", Resolution.CANCEL: "cancel"}
    asks = {
        Resolution.RETRY: "The step in doubt is done once more, then the run goes on. If it had happened already, "
        "it happens twice.",
        Resolution.MARK_DONE: "You have looked, and it is done: the step is not repeated, the run goes on after it.",
        Resolution.CANCEL: "Nothing more is done. What has been done stays.",
    }
    return [
        ObjectAction(
            f"resolve_{one.value}",
            one.label,
            _decide(one),
            icon=icons[one],
            variant=ActionVariant.DANGER if one == Resolution.CANCEL else ActionVariant.PRIMARY,
            ask=asks[one],
            shown=lambda execution: execution.status == Status.INTERRUPTED,
            in_bulk=False,
        )
        for one in Resolution
    ]


def _decide(
    resolution: Resolution,
) -> Callable[[HttpRequest, Execution, dict[str, Any]], Done]:
    def perform(request: HttpRequest, execution: Execution, cleaned: dict[str, Any]) -> Done:
        try:
            resolving.resolve(execution, resolution, by=str(request.user))
        except resolving.CannotResolve as refusal:
            raise Refused(str(refusal)) from None
        audit.record(request, "resolve", execution, after={"decision": resolution.value})
        return Done(f"Decided: {resolution.label}.", recorded=True)

    return perform


def resume(request: HttpRequest, agent: Agent, cleaned: dict[str, Any]) -> Done:
    try:
        planned, done = replaying.resume_and_replay(agent)
    except launch.CannotStart as error:
        raise Refused(str(error)) from None
    told = {"replayed": replaying.summary(planned, done)}
    return Done(f"{agent} is live. {recovery.said(done)}", after=told)


def resume_trigger(request: HttpRequest, trigger: Trigger, cleaned: dict[str, Any]) -> Done:
    try:
        planned, done = replaying.resume_trigger(trigger)
    except InvalidTrigger as error:
        raise Refused(str(error)) from None
    told = {"replayed": replaying.summary(planned, done)}
    return Done(f"{trigger} listens again. {recovery.said(done)}", after=told)


RESUME_TRIGGER = ObjectAction(
    "resume",
    "Resume and replay what was skipped",
    resume_trigger,
    icon="resume",
    variant=ActionVariant.PRIMARY,
    shown=lambda trigger: trigger.status == TriggerStatus.ERROR,
    in_bulk=False,
    before=examples.try_first,
)


def was_full(agent: Agent) -> bool:
    gate = getattr(agent, "gate", None)
    return gate is not None and gate.pause_reason == Reason.DAILY_LIMIT


RESUME = ObjectAction(
    "resume",
    "Resume and replay what was skipped",
    resume,
    icon="resume",
    variant=ActionVariant.PRIMARY,
    shown=was_full,
    in_bulk=False,
)


def waiting(request: HttpRequest) -> dict[str, Any]:
    """What in the person's workspaces waits for people, for the tops of lists."""
    totals: dict[str, int] = {}
    dead = 0
    for workspace in roles.workspaces(request)[:50]:
        for status, number in figures.waiting_for_people(workspace).items():
            totals[status] = totals.get(status, 0) + number
        dead += figures.dead_events(workspace)
    return {"waiting": totals, "dead": dead}
