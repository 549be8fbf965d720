"""The end of another agent's run, and what happens to runs at all.

An `agent_completed` trigger hears the runs of one agent. Its topic is `completed:<agent>:<result>`, so that an end that
nobody waits for is never written down as an event. The types `execution.started`, `.completed` and `.failed` are for
`event` triggers that watch all runs; they too are emitted only where somebody listens (`executions.completing`).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db import connection

from agents.models import Agent
from config.lib import paths
from config.lib.locks import Lock
from crm.models import Workspace
from triggers import event_types
from triggers.models import Trigger
from triggers.sources import Config, Problems, Source, register

if TYPE_CHECKING:
    from agents.models import Agent as Target

SUCCESS, FAILED, CANCELLED, ANY = "success", "failed", "cancelled", "any"
_SHOWN = 12  # agents of a circle

_RUN: dict[str, Any] = {
    "execution_id": {"type": "string", "title": "Run"},
    "agent_id": {"type": "string", "title": "Agent, its id"},
    "agent_name": {"type": "string", "title": "Agent"},
    "trigger_id": {"type": ["string", "null"], "title": "Trigger, its id"},
    "trigger_name": {"type": "string", "title": "Trigger"},
    "trigger_type": {"type": "string", "title": "Kind of trigger"},
    "status": {"type": "string", "title": "Status"},
    "attempt": {"type": "integer", "title": "Attempt"},
    "started_at": {"type": ["string", "null"], "title": "Started at"},
}
_END: dict[str, Any] = _RUN | {
    "result": {"type": "string", "title": "Result", "enum": [SUCCESS, FAILED, CANCELLED]},
    "outputs": {"type": ["object", "null"], "title": "Outputs"},
    "error_message": {"type": "string", "title": "Error"},
    "finished_at": {"type": ["string", "null"], "title": "Finished at"},
    "duration_ms": {"type": ["integer", "null"], "title": "Milliseconds"},
}
_SAMPLE_RUN: dict[str, Any] = {
    "execution_id": "01900000-0000-7000-8000-000000000001",
    "agent_id": "01900000-0000-7000-8000-000000000002",
    "agent_name": "Qualify leads",
    "trigger_id": "01900000-0000-7000-8000-000000000003",
    "trigger_name": "New contacts",
    "trigger_type": "event: contact_created",
    "status": "running",
    "attempt": 1,
    "started_at": "2026-01-05T09:00:00Z",
}
_SAMPLE_END: dict[str, Any] = _SAMPLE_RUN | {
    "status": "completed",
    "result": SUCCESS,
    "outputs": {"steps": {"1": {"note_id": "01900000-0000-7000-8000-000000000004"}}},
    "error_message": "",
    "finished_at": "2026-01-05T09:00:01Z",
    "duration_ms": 1000,
}
_SAMPLE_FAILURE = _SAMPLE_END | {
    "status": "failed",
    "result": FAILED,
    "outputs": None,
    "error_message": "The mail server refused the letter.",
}


def _schema(fields: dict[str, Any]) -> dict[str, Any]:
    """What the run itself was started by comes along: its contact, deal and form, where its event had them."""
    about = {name: {"type": "object"} for name in ABOUT}
    return {"type": "object", "properties": fields | about}


ABOUT = ("contact", "deal", "form")

AGENT_COMPLETED = event_types.register(
    "agent_completed",
    label="An agent's run ended",
    schema=_schema(_END),
    sample=_SAMPLE_END,
    source="completion",
    group="Executions",
    told_to="agent_completed",
)
STARTED = event_types.register(
    "execution.started",
    label="Execution started",
    schema=_schema(_RUN),
    sample=_SAMPLE_RUN,
    source="completion",
    group="Executions",
)
COMPLETED = event_types.register(
    "execution.completed",
    label="Execution completed",
    schema=_schema(_END),
    sample=_SAMPLE_END,
    source="completion",
    group="Executions",
)
FAILURE = event_types.register(
    "execution.failed",
    label="Execution failed",
    schema=_schema(_END),
    sample=_SAMPLE_FAILURE,
    source="completion",
    group="Executions",
)


def topic(agent_id: uuid.UUID | str, result: str) -> str:
    """`completed:<agent>:success`, `...:failed`, `...:cancelled`; `...:*` hears them all."""
    return f"completed:{agent_id}:{'*' if result == ANY else result}"


class CompletionSource(Source):
    trigger_type = "agent_completed"
    aliases = ("pipeline_completed",)
    label = "End of another agent"
    description = "Runs when a run of another agent has ended, and can be given what it came to."
    config_schema = {
        "type": "object",
        "properties": {
            "source_agent_id": {
                "type": "string",
                "title": "Agent",
                "description": "Whose end is waited for.",
                "minLength": 1,
                "maxLength": 36,
                "x-widget": "pick",
            },
            "status": {
                "type": "string",
                "title": "When it",
                "description": "success, failed, or any: also a run that was cancelled after it had begun.",
                "enum": [SUCCESS, FAILED, ANY],
                "default": SUCCESS,
            },
            "pass_outputs": {
                "type": "boolean",
                "title": "Hand its outputs on",
                "description": "Each output becomes an input of the same name, such as @inputs.steps.1.note_id.",
                "default": True,
            },
            "output_mapping": {
                "type": "object",
                "title": "Outputs by other names",
                "description": "An output such as steps.1.note_id, and the name of the input that it becomes.",
                "additionalProperties": {"type": "string", "minLength": 1, "maxLength": 100},
                "maxProperties": 50,
                "default": {},
                "x-widget": "pairs",
            },
        },
        "required": ["source_agent_id"],
        "additionalProperties": False,
    }

    def prepare(self, config: Config, *, sealed: str) -> Config:
        """`source_pipeline_id` is another name of `source_agent_id`; ids in the form that we write them."""
        plain = dict(config)
        if "source_pipeline_id" in plain:
            named = plain.pop("source_pipeline_id")
            plain.setdefault("source_agent_id", named)
        if (pk := _as_uuid(plain.get("source_agent_id"))) is not None:
            plain["source_agent_id"] = str(pk)
        return {"status": SUCCESS, "pass_outputs": True, **plain}

    def check_further(self, config: Config, *, workspace: Workspace) -> Problems:
        problems: Problems = {}
        pk = _as_uuid(config["source_agent_id"])
        if pk is None or not Agent.objects.filter(pk=pk, workspace=workspace).exists():
            problems["source_agent_id"] = [
                f"Agent with ID {config['source_agent_id']} not found or not accessible"
            ]
        for source in config.get("output_mapping", {}):
            try:
                paths.split(source)
            except ValueError as error:
                problems.setdefault(f"output_mapping.{source}"[: paths.MAX_LENGTH], []).append(
                    str(error)
                )
        return problems

    def check_place(self, config: Config, *, trigger: Trigger, agent: Target) -> Problems:
        """A circle of completions is refused, unless one of its triggers says that it may run in a circle."""
        if trigger.allow_reentry:
            return {}
        circle = _circle(agent.pk, uuid.UUID(config["source_agent_id"]), trigger)
        if not circle:
            return {}
        names = Agent.objects.in_bulk(circle)
        told = [names[pk].name if pk in names else "?" for pk in circle]
        if len(told) > _SHOWN:
            told = [*told[: _SHOWN - 1], "…", told[-1]]
        return {
            "source_agent_id": [
                f"This closes a circle: {' → '.join(told)}. Choose another agent, or allow the trigger to run "
                "in a circle (allow_reentry)."
            ]
        }

    def topic(self, config: Config, *, trigger_id: uuid.UUID) -> str:
        return topic(config["source_agent_id"], config.get("status", SUCCESS))

    def describe(self, config: Config, *, event_type: str | None = None) -> str:
        return f"agent completed: {config.get('status', SUCCESS)}"

    def payload_schema(self, config: Config) -> dict[str, Any]:
        return AGENT_COMPLETED.schema

    def inputs(self, config: Config, facts: dict[str, Any]) -> dict[str, Any]:
        """Mapped outputs by their new names; the others by their own, where they are passed on."""
        outputs = facts.get("outputs")
        if not isinstance(outputs, dict):
            return {}
        renamed = config.get("output_mapping", {})
        found = {
            target: value
            for source, target in renamed.items()
            if (value := paths.find(outputs, paths.split(source))) is not paths.MISSING
        }
        own = outputs if config.get("pass_outputs", True) else {}
        return {name: value for name, value in own.items() if name not in renamed} | found

    def sample_type(self, config: Config) -> str:
        return AGENT_COMPLETED.name

    def sample(self, config: Config) -> dict[str, Any]:
        failed = config.get("status") == FAILED
        return {
            **(_SAMPLE_FAILURE if failed else _SAMPLE_END),
            "agent_id": config["source_agent_id"],
        }


def _as_uuid(given: Any) -> uuid.UUID | None:
    try:
        return uuid.UUID(given) if isinstance(given, str) else None
    except ValueError:
        return None


def _circle(target: uuid.UUID, source: uuid.UUID, trigger: Trigger) -> list[uuid.UUID]:
    """The agents in the order in which they would start each other, first and last the same; else empty.

    A trigger that may run in a circle ends the search: whoever allowed that meant it. One query.
    """
    if connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [Lock.SAVE_COMPLETION.value])
    rows = (
        Trigger.objects.filter(
            workspace_id=trigger.workspace_id,
            trigger_type=CompletionSource.trigger_type,
            allow_reentry=False,
        )
        .exclude(pk=trigger.pk)
        .values_list("config__source_agent_id", "agent_id")
    )
    starts: dict[str, set[uuid.UUID]] = {}
    for named, started in rows:
        starts.setdefault(named, set()).add(started)
    way = _way(target, source, starts)
    return [source, *way] if way else []


def _way(start: uuid.UUID, end: uuid.UUID, starts: dict[str, set[uuid.UUID]]) -> list[uuid.UUID]:
    """The shortest way from one agent to another, both included; empty where there is none."""
    came_from: dict[uuid.UUID, uuid.UUID | None] = {start: None}
    edge: Iterable[uuid.UUID] = [start]
    while edge and end not in came_from:
        found: list[uuid.UUID] = []
        for agent in edge:
            for other in sorted(starts.get(str(agent), ())):
                if other not in came_from:
                    came_from[other] = agent
                    found.append(other)
        edge = found
    way: list[uuid.UUID] = []
    at: uuid.UUID | None = end if end in came_from else None
    while at is not None:
        way.insert(0, at)
        at = came_from[at]
    return way


register(CompletionSource())
